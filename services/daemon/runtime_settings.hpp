#pragma once

#include "services/daemon/config.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox {

/// What the configuration means for the linux runtime.
linux_runtime::Settings runtime_settings(const Config& config);

}  // namespace podsandbox
