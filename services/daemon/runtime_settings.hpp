#pragma once

#include "services/containerd/runtime/settings.hpp"
#include "services/daemon/config.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox {

/// What the configuration means for the runtimes.
linux_runtime::Settings linux_settings(const Config& config);
containerd_runtime::Settings containerd_settings(const Config& config);

}  // namespace podsandbox
