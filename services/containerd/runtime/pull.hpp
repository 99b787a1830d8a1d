#pragma once

#include <chrono>
#include <string>

#include "messages/error.hpp"
#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/image_platform.hpp"
#include "services/host/flow.hpp"

namespace podsandbox::containerd_runtime {

/// Has containerd pull the image of this normalised name, as kubelet would: with what CRI is configured to
/// know of registries. A containerd without CRI pulls it by its own Transfer service. The log tells.
host::Flow<Result<Done>> pull_image(host::Loop& loop, containerd_client::Connection& containerd,
                                    std::string name, Platform host, std::chrono::nanoseconds timeout);

}  // namespace podsandbox::containerd_runtime
