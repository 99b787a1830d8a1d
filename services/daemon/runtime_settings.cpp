#include "services/daemon/runtime_settings.hpp"

#include <algorithm>

namespace podsandbox {

std::chrono::nanoseconds look_every(const Config& config, std::chrono::nanoseconds longest) {
  return std::clamp<std::chrono::nanoseconds>(config.orphans_remove_after / 3, std::chrono::seconds(1),
                                              longest);
}

// Within what the actors wait for, so that an error tells which call it was.
std::chrono::nanoseconds containerd_timeout(const Config& config) {
  return std::min<std::chrono::nanoseconds>(std::chrono::seconds(10), config.actors.cleanup_timeout * 4 / 5);
}

linux_runtime::Settings linux_settings(const Config& config) {
  linux_runtime::Settings settings;
  settings.state_dir = config.state_dir;
  settings.data_dir = config.data_dir;
  settings.keeper_program = config.keeper_program;
  settings.pause_program = config.pause_program;
  settings.cri = config.cri;
  settings.containerd_address = config.containerd_address;
  settings.sweep.remove_after = config.orphans_remove_after;
  settings.sweep.dry_run = config.orphans_dry_run;
  settings.sweep.look_every = look_every(config, settings.sweep.look_every);
  return settings;
}

containerd_runtime::Settings containerd_settings(const Config& config) {
  using namespace std::chrono;
  containerd_runtime::Settings settings;
  settings.data_dir = config.data_dir;
  settings.owner = linux_settings(config).owner() + " (containerd)";  // each sweeps what is its own
  settings.containerd_address = config.containerd_address;
  settings.cri = config.cri;
  settings.max_operations = config.containerd_max_operations;
  settings.start_deadline = duration_cast<milliseconds>(config.actors.start_timeout / 2);
  settings.removal_deadline = duration_cast<milliseconds>(config.actors.cleanup_timeout * 4 / 5);
  settings.remove_orphans_after = config.orphans_remove_after;
  settings.orphans_dry_run = config.orphans_dry_run;
  settings.look_every = look_every(config, settings.look_every);
  return settings;
}

}  // namespace podsandbox
