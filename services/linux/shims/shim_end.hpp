#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"
#include "services/linux/shims/shim_place.hpp"

namespace podsandbox::linux_runtime {

/// The containers of a pod, as the OCI runtime has them. Both functions may block.
struct PodContainers {
  std::function<Result<std::vector<std::string>>()> list;
  std::function<Result<Done>(const std::vector<std::string>& ids, std::chrono::milliseconds deadline)> remove;
};

/// Ends the shim behind `pidfd`, which serves the pod's socket; or, when that is empty, only what a shim has
/// left. It is asked to, which it refuses while it has a container: what is left of these is removed first.
/// It is killed only when it does not end and no container is left. UNAVAILABLE: one cannot be removed.
/// Blocks, at most until the deadline.
Result<Done> end_shim_of_pod(const ShimPlace& place, const host::UniqueFd& pidfd,
                             const PodContainers& containers, std::chrono::milliseconds deadline);

}  // namespace podsandbox::linux_runtime
