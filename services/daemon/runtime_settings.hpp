#pragma once

#include <chrono>

#include "services/containerd/runtime/settings.hpp"
#include "services/daemon/config.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox {

/// How often to look for what nobody knows of: soon enough to remove it in time.
std::chrono::nanoseconds look_every(const Config& config, std::chrono::nanoseconds longest);

/// How long one call of containerd may take.
std::chrono::nanoseconds containerd_timeout(const Config& config);

/// What the configuration means for the runtimes.
linux_runtime::Settings linux_settings(const Config& config);
containerd_runtime::Settings containerd_settings(const Config& config);

}  // namespace podsandbox
