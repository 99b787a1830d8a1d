#include "services/daemon/daemon.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/root/root.hpp"
#include "actors/watchdog/watchdog.hpp"
#include "messages/call_desk.hpp"
#include "messages/log.hpp"
#include "services/api/server.hpp"
#include "services/containerd/registrar.hpp"
#include "services/containerd/sweeper.hpp"
#include "services/daemon/duration.hpp"
#include "services/daemon/missing_runtime.hpp"
#include "services/daemon/runtime_settings.hpp"
#include "services/daemon/state_dir.hpp"
#include "services/daemon/stop_signals.hpp"
#include "services/host/runtime_actor.hpp"
#include "services/journal/journal_actor.hpp"
#include "services/journal/store.hpp"
#include "services/linux/linux_runtime.hpp"
#include "services/telemetry/logging.hpp"
#include "services/telemetry/systemd.hpp"

namespace podsandbox {

namespace {

/// One pidfd per sandbox, and one connection per client.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

struct ActorConfig : caf::actor_system_config {
  explicit ActorConfig(unsigned threads) {
    const auto count = threads != 0 ? threads : std::max(2U, std::thread::hardware_concurrency());
    set("scheduler.policy", caf::atom("sharing"));  // idle threads sleep
    set("scheduler.max-threads", static_cast<std::size_t>(count));
  }
};

constexpr auto containerd_timeout = std::chrono::seconds(10);  // for one call

/// Keeps containerd's records of our sandboxes.
Companion registrar(const Config& config, CallDesk& desk,
                    const std::shared_ptr<containerd_client::Connection>& containerd) {
  using namespace containerd_client;
  const RegistrarSettings settings{config.state_dir, config.cri, {}};
  return {registrar_name, [&desk, containerd, settings](caf::actor_system& system) {
            return spawn_registrar(system, desk, containerd, settings);
          }};
}

/// Feeds the service manager's watchdog, if there is one. Not asked is the journal: a disk that hangs must
/// not end a daemon that serves those who live, and another one would hang as well.
std::optional<Companion> watchdog() {
  const auto limit = telemetry::watchdog_limit();
  if (!limit) return std::nullopt;
  const WatchdogSettings settings{
      *limit / 2, {names::root, names::gateway, names::supervisor}, [] { telemetry::notify("WATCHDOG=1"); }};
  return Companion{watchdog_name,
                   [settings](caf::actor_system& system) { return spawn_watchdog(system, settings); }};
}

/// Removes our sandboxes that containerd has forgotten.
Companion sweeper(const Config& config, CallDesk& desk,
                  const std::shared_ptr<containerd_client::Connection>& containerd) {
  using namespace containerd_client;
  SweeperSettings settings{{config.orphans_remove_after, config.orphans_dry_run}};
  settings.look_every = std::clamp<std::chrono::nanoseconds>(config.orphans_remove_after / 3,
                                                             std::chrono::seconds(1), settings.look_every);
  return {sweeper_name, [&desk, containerd, settings](caf::actor_system& system) {
            return spawn_sweeper(system, desk, containerd, settings);
          }};
}

std::vector<Companion> companions(const Config& config, CallDesk& desk) {
  std::vector<Companion> all;
  if (!config.containerd_address.empty()) {
    const auto containerd =
        std::make_shared<containerd_client::Connection>(config.containerd_address, containerd_timeout);
    all.push_back(registrar(config, desk, containerd));
    all.push_back(sweeper(config, desk, containerd));
  }
  if (auto companion = watchdog()) all.push_back(std::move(*companion));
  return all;
}

/// The runtime for this kind of sandboxes; the journal knows of some of them, perhaps.
RuntimeSeed containerd_runtime(const journal::Contents& journal) {
  std::set<std::string> started;
  for (const auto& [id, stored] : journal.sandboxes) {
    const auto& record = stored.record;
    if (record.spec->runtime == RuntimeKind::containerd && record.start_wanted) started.insert(id);
  }
  return {RuntimeKind::containerd, [started](caf::actor_system& system) {
            return spawn_missing_runtime(system, RuntimeKind::containerd, started);
          }};
}

bool knows_of(const journal::Contents& journal, RuntimeKind kind) {
  return std::any_of(journal.sandboxes.begin(), journal.sandboxes.end(),
                     [kind](const auto& entry) { return entry.second.record.spec->runtime == kind; });
}

/// One for every kind of sandbox that there is, or may be created.
std::vector<RuntimeSeed> runtimes(const Config& config, const journal::Contents& journal,
                                  const std::shared_ptr<linux_runtime::LinuxRuntime>& linux) {
  std::vector<RuntimeSeed> all{{RuntimeKind::linux, [linux](caf::actor_system& system) {
                                  return host::spawn_runtime(system, linux);
                                }}};
  if (config.cri.uses(RuntimeKind::containerd) || knows_of(journal, RuntimeKind::containerd)) {
    all.push_back(containerd_runtime(journal));
  }
  return all;
}

RootSeed root_seed(const Config& config, journal::Store::Opened journal,
                   const std::shared_ptr<linux_runtime::LinuxRuntime>& linux, CallDesk& desk,
                   StopSignals& signals) {
  RootSeed seed;
  seed.runtimes = runtimes(config, journal.contents, linux);
  seed.restored = std::move(journal.contents);
  seed.boot_id = journal::current_boot_id();
  seed.make_journal = [store = journal.store](caf::actor_system& system) {
    return journal::spawn_journal(system, store);
  };
  seed.settings = config.actors;
  seed.desk = &desk;
  seed.give_up = [&signals](std::string why) { signals.give_up(std::move(why)); };
  seed.companions = companions(config, desk);
  return seed;
}

void tell_ready(const Config& config, std::size_t restored) {
  const auto text = "serving on " + config.socket;
  log::info("daemon", {}, text);
  telemetry::tell_status(text + "; started with " + std::to_string(restored) + " sandboxes of before");
  telemetry::notify("READY=1");
}

constexpr auto beyond_the_drain = std::chrono::seconds(10);  // the rest of an end

void tell_ending(const Config& config, const std::optional<std::string>& failed) {
  const auto text = failed ? "ending: " + *failed : "draining";
  log::info("daemon", {}, text);
  telemetry::tell_status(failed ? text : text + ", for at most " + format_duration(config.drain_timeout));
  // The unit need not know how long a drain may take.
  const auto limit =
      std::chrono::duration_cast<std::chrono::microseconds>(config.drain_timeout + beyond_the_drain);
  telemetry::notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(limit.count()));
}

/// Ends without destroying anything in order: a thread hangs in the kernel, or the actors are not to be
/// relied on. The next daemon finds what it would after a crash.
[[noreturn]] void end_at_once(int status) {
  telemetry::stop_logging();
  std::_Exit(status);
}

Result<api::Listener> listen(const Config& config, std::optional<int> inherited) {
  const api::SocketSettings settings{config.socket, config.socket_mode, config.socket_group};
  return inherited ? api::Listener::adopt(*inherited, settings) : api::Listener::bind(settings);
}

Result<Done> serve(const Config& config, StopSignals& signals, std::optional<int> inherited) {
  auto state_dir = StateDir::open(config.state_dir);
  if (!state_dir) return tl::unexpected<Error>(state_dir.error());
  telemetry::tell_status("reading the journal in " + config.data_dir);
  auto journal = journal::Store::open(config.data_dir, {config.actors.events_kept, config.events_age});
  if (!journal) return tl::unexpected<Error>(journal.error());
  for (const auto& notice : journal->notices) log::warn("journal", {}, notice);
  auto listener = listen(config, inherited);
  if (!listener) return tl::unexpected<Error>(listener.error());
  auto linux = linux_runtime::LinuxRuntime::open(runtime_settings(config));
  if (!linux) return tl::unexpected<Error>(linux.error());
  const auto restored = journal->contents.sandboxes.size();

  ActorConfig actor_config(config.scheduler_threads);
  caf::actor_system system(actor_config);
  CallDesk desk(system);
  const auto root = spawn_root(system, root_seed(config, std::move(*journal), *linux, desk, signals));
  auto server = api::Server::start(desk, std::move(*listener), config.cri);
  if (server) tell_ready(config, restored);

  const auto failed = server ? signals.wait() : std::optional(server.error().message);
  tell_ending(config, failed);
  if (failed) {
    if (server) (*server)->drain(std::chrono::nanoseconds(0));  // actors that gave up finish nothing
    end_at_once(1);
  }
  if (!(*server)->drain(config.drain_timeout)) {
    log::warn("daemon", {}, "a call hangs in the kernel; ending without it");
    end_at_once(0);
  }
  caf::anon_send(root, StopAll{});
  system.await_all_actors_done();
  return Done{};
}

}  // namespace

Result<Done> run_daemon(const Config& config) {
  StopSignals signals;
  raise_descriptor_limit();
  const auto inherited = telemetry::inherited_socket();
  telemetry::start_logging(config.log_level);
  const auto ended =
      inherited ? serve(config, signals, *inherited) : Result<Done>(tl::unexpected<Error>(inherited.error()));
  log::info("daemon", {}, ended ? "ended" : "failed: " + ended.error().message);
  if (!ended) telemetry::tell_status("failed: " + ended.error().message);
  telemetry::stop_logging();
  return ended;
}

}  // namespace podsandbox
