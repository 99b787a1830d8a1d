#include "services/daemon/daemon.hpp"

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
#include "messages/call_desk.hpp"
#include "messages/log.hpp"
#include "services/api/server.hpp"
#include "services/daemon/composition.hpp"
#include "services/daemon/duration.hpp"
#include "services/daemon/state_dir.hpp"
#include "services/daemon/stop_signals.hpp"
#include "services/host/spawn.hpp"
#include "services/journal/journal_actor.hpp"
#include "services/journal/store.hpp"
#include "services/telemetry/kept_descriptors.hpp"
#include "services/telemetry/logging.hpp"
#include "services/telemetry/notifier.hpp"
#include "services/telemetry/systemd.hpp"

namespace podsandbox {

namespace {

struct ActorConfig : caf::actor_system_config {
  explicit ActorConfig(unsigned threads) {
    const auto count = threads != 0 ? threads : std::max(2U, std::thread::hardware_concurrency());
    set("scheduler.policy", caf::atom("sharing"));  // idle threads sleep
    set("scheduler.max-threads", static_cast<std::size_t>(count));
  }
};

RootSeed root_seed(const Config& config, journal::Store::Opened journal, std::vector<RuntimeSeed> runtimes,
                   CallDesk& desk, StopSignals& signals) {
  RootSeed seed;
  seed.runtimes = std::move(runtimes);
  seed.restored = std::move(journal.contents);
  seed.boot_id = journal::current_boot_id();
  seed.make_journal = [store = journal.store](caf::actor_system& system) {
    return journal::spawn_journal(system, store);
  };
  seed.settings = config.actors;
  seed.desk = &desk;
  seed.give_up = [&signals](std::string why) { signals.give_up(std::move(why)); };
  return seed;
}

void tell_ready(telemetry::Notifier& notifier, const Config& config, std::size_t restored) {
  const auto text = "serving on " + config.socket;
  log::info("daemon", {}, text);
  notifier.tell_status(text + "; started with " + std::to_string(restored) + " sandboxes of before");
  notifier.tell("READY=1");
}

constexpr auto beyond_the_drain = std::chrono::seconds(10);  // the rest of an end

void tell_ending(telemetry::Notifier& notifier, const Config& config,
                 const std::optional<std::string>& failed) {
  const auto text = failed ? "ending: " + *failed : "draining";
  log::info("daemon", {}, text);
  notifier.tell_status(failed ? text : text + ", for at most " + format_duration(config.drain_timeout));
  // The unit need not know how long a drain may take.
  const auto limit =
      std::chrono::duration_cast<std::chrono::microseconds>(config.drain_timeout + beyond_the_drain);
  notifier.tell("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(limit.count()));
}

/// Ends without destroying anything in order: a thread hangs in the kernel, or the actors are not to be
/// relied on. The next daemon finds what it would after a crash.
[[noreturn]] void end_at_once(telemetry::Notifier& notifier, int status) {
  (void)notifier.settle();
  (void)telemetry::stop_logging();
  std::_Exit(status);
}

Result<api::Listener> listen(const Config& config, std::optional<int> inherited) {
  const api::SocketSettings settings{config.socket, config.socket_mode, config.socket_group};
  return inherited ? api::Listener::adopt(*inherited, settings) : api::Listener::bind(settings);
}

Result<Done> serve(const Config& config, StopSignals& signals, telemetry::Inherited inherited,
                   const std::shared_ptr<telemetry::Notifier>& notifier) {
  auto state_dir = StateDir::open(config.state_dir);
  if (!state_dir) return tl::unexpected<Error>(state_dir.error());
  notifier->tell_status("reading the journal in " + config.data_dir);
  auto journal = journal::Store::open(config.data_dir, {config.actors.events_kept, config.events_age});
  if (!journal) return tl::unexpected<Error>(journal.error());
  for (const auto& notice : journal->notices) log::warn("journal", {}, notice);
  auto listener = listen(config, inherited.socket);
  if (!listener) return tl::unexpected<Error>(listener.error());
  const auto containerd = connect_to_containerd(config);
  auto runtimes =
      make_runtimes(config, journal->contents, containerd,
                    std::make_shared<telemetry::KeptDescriptors>(notifier, std::move(inherited.kept)));
  if (!runtimes) return tl::unexpected<Error>(runtimes.error());
  const auto restored = journal->contents.sandboxes.size();

  ActorConfig actor_config(config.scheduler_threads);
  caf::actor_system system(actor_config);
  CallDesk desk(system);
  auto seed = root_seed(config, std::move(*journal), std::move(*runtimes), desk, signals);
  seed.companions = make_companions(config, desk, containerd, notifier);
  const auto root = spawn_root(system, std::move(seed));
  auto server = api::Server::start(desk, std::move(*listener), config.cri);
  if (server) tell_ready(*notifier, config, restored);

  const auto failed = server ? signals.wait() : std::optional(server.error().message);
  tell_ending(*notifier, config, failed);
  if (failed) {
    if (server) (*server)->drain(std::chrono::nanoseconds(0));  // actors that gave up finish nothing
    end_at_once(*notifier, 1);
  }
  if (!(*server)->drain(config.drain_timeout)) {
    log::warn("daemon", {}, "a call hangs in the kernel; ending without it");
    end_at_once(*notifier, 0);
  }
  caf::anon_send(root, StopAll{});
  system.await_all_actors_done();
  return Done{};
}

}  // namespace

Result<Done> run_daemon(const Config& config) {
  StopSignals signals;
  host::raise_file_limit();  // one pidfd per sandbox, and one connection per client
  auto inherited = telemetry::inherited_descriptors();
  telemetry::start_logging(config.log_level);
  const auto notifier = std::make_shared<telemetry::Notifier>();
  auto ended = inherited ? serve(config, signals, std::move(*inherited), notifier)
                         : Result<Done>(tl::unexpected<Error>(inherited.error()));
  log::info("daemon", {}, ended ? "ended" : "failed: " + ended.error().message);
  if (!ended) notifier->tell_status("failed: " + ended.error().message);
  const bool told = notifier->settle();
  if (!telemetry::stop_logging() || !told) std::_Exit(ended ? EXIT_SUCCESS : EXIT_FAILURE);
  return ended;
}

}  // namespace podsandbox
