#include "services/daemon/composition.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "actors/watchdog/watchdog.hpp"
#include "services/containerd/registrar.hpp"
#include "services/containerd/runtime/containerd_runtime.hpp"
#include "services/containerd/sweeper.hpp"
#include "services/daemon/runtime_settings.hpp"
#include "services/host/runtime_actor.hpp"
#include "services/linux/linux_runtime.hpp"
#include "services/telemetry/systemd.hpp"

namespace podsandbox {

namespace {

using ConnectionPtr = std::shared_ptr<containerd_client::Connection>;

/// Keeps containerd's records of our sandboxes.
Companion registrar(const Config& config, CallDesk& desk, const ConnectionPtr& containerd) {
  using namespace containerd_client;
  const RegistrarSettings settings{config.state_dir, config.cri, {}};
  return {registrar_name, [&desk, containerd, settings](caf::actor_system& system) {
            return spawn_registrar(system, desk, containerd, settings);
          }};
}

/// Feeds the service manager's watchdog, if there is one. Not asked is the journal: a disk that hangs must
/// not end a daemon that serves those who live, and another one would hang as well.
std::optional<Companion> watchdog(const std::shared_ptr<telemetry::Notifier>& notifier) {
  const auto limit = telemetry::watchdog_limit();
  if (!limit) return std::nullopt;
  const WatchdogSettings settings{*limit / 2, {names::root, names::gateway, names::supervisor}, [notifier] {
                                    notifier->tell("WATCHDOG=1");
                                  }};
  return Companion{watchdog_name,
                   [settings](caf::actor_system& system) { return spawn_watchdog(system, settings); }};
}

/// Removes our sandboxes that containerd has forgotten.
Companion sweeper(const Config& config, CallDesk& desk, const ConnectionPtr& containerd) {
  using namespace containerd_client;
  SweeperSettings settings{{config.orphans_remove_after, config.orphans_dry_run}};
  settings.look_every = look_every(config, settings.look_every);
  return {sweeper_name, [&desk, containerd, settings](caf::actor_system& system) {
            return spawn_sweeper(system, desk, containerd, settings);
          }};
}

bool knows_of(const journal::Contents& journal, RuntimeKind kind) {
  return std::any_of(journal.sandboxes.begin(), journal.sandboxes.end(),
                     [kind](const auto& entry) { return entry.second.record.spec->runtime == kind; });
}

}  // namespace

Result<std::vector<RuntimeSeed>> make_runtimes(const Config& config, const journal::Contents& journal,
                                               const ConnectionPtr& containerd,
                                               std::shared_ptr<host::DescriptorStore> descriptors) {
  std::vector<RuntimeSeed> all;
  const auto add = [&all](RuntimeKind kind, std::shared_ptr<host::Runtime> runtime) {
    all.push_back(
        {kind, [runtime](caf::actor_system& system) { return host::spawn_runtime(system, runtime); }});
  };
  auto linux = linux_runtime::LinuxRuntime::open(linux_settings(config), std::move(descriptors));
  if (!linux) return tl::unexpected<Error>(linux.error());
  add(RuntimeKind::linux, *linux);
  if (config.cri.uses(RuntimeKind::containerd) || knows_of(journal, RuntimeKind::containerd)) {
    auto runtime = containerd_runtime::ContainerdRuntime::open(containerd_settings(config), containerd);
    if (!runtime) return tl::unexpected<Error>(runtime.error());
    add(RuntimeKind::containerd, *runtime);
  }
  return all;
}

ConnectionPtr connect_to_containerd(const Config& config) {
  return std::make_shared<containerd_client::Connection>(config.containerd_address,
                                                         containerd_timeout(config));
}

std::vector<Companion> make_companions(const Config& config, CallDesk& desk, const ConnectionPtr& containerd,
                                       const std::shared_ptr<telemetry::Notifier>& notifier) {
  std::vector<Companion> all;
  if (!config.containerd_address.empty()) {
    all.push_back(registrar(config, desk, containerd));
    all.push_back(sweeper(config, desk, containerd));
  }
  if (auto companion = watchdog(notifier)) all.push_back(std::move(*companion));
  return all;
}

}  // namespace podsandbox
