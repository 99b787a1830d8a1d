#include "services/daemon/runtime_settings.hpp"

namespace podsandbox {

linux_runtime::Settings runtime_settings(const Config& config) {
  linux_runtime::Settings settings;
  settings.state_dir = config.state_dir;
  settings.data_dir = config.data_dir;
  settings.keeper_program = config.keeper_program;
  settings.pause_program = config.pause_program;
  settings.cri = config.cri;
  settings.containerd_address = config.containerd_address;
  return settings;
}

}  // namespace podsandbox
