#pragma once

#include <chrono>
#include <string>

#include "messages/error.hpp"
#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/image_walk.hpp"
#include "services/host/flow.hpp"

namespace podsandbox::containerd_runtime {

/// Makes those of an image's snapshots that `snapshotter` does not have, from the lowest layer on, and has
/// the image hold them. They may be made by others at the same time. What is begun and does not come to its
/// end is removed; if that fails, or this process ends, containerd's lease for it ends within the hour, and
/// it is garbage. `timeout` is for each layer.
host::Flow<Result<Done>> unpack_image(host::Loop& loop, containerd_client::Connection& containerd,
                                      std::string name, ImageContent content, std::string snapshotter,
                                      std::chrono::nanoseconds timeout);

}  // namespace podsandbox::containerd_runtime
