#pragma once

#include <chrono>
#include <string>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

/// Where containerd's runc shim for the containers of a pod listens. (containerd's shims: /run/containerd/s/
/// and the SHA-256 of containerd's address, the namespace and the pod's id, joined by '/'.)
struct ShimSockets {
  std::string task;
  std::string debug;
};

ShimSockets shim_sockets(const std::string& containerd_address, const std::string& id);

/// Whether somebody listens there.
bool shim_listens(const ShimSockets& sockets);

/// Ends the shim of a pod, which containerd started with the pod's first container and never ends. Done when
/// it has gone with its sockets, also when there was none. It refuses while it has a container: UNAVAILABLE.
/// Blocks, at most until the deadline.
Result<Done> end_shim(const ShimSockets& sockets, std::chrono::milliseconds deadline);

/// Asks the shim that serves `socket` to end, which it does if it has no container; it says yes either way.
/// Keep the connection for as long as it may take. Does not block: UNAVAILABLE when it cannot be asked now.
Result<UniqueFd> send_shutdown(const std::string& socket);

/// Ends a shim of which containerd knows nothing any more, with the pause container `id` in it: kills and
/// removes that by the shim itself. One that cannot do so any more, because containerd has taken its files
/// away, is killed, and what the OCI runtime has of the container stays. Blocks, at most until the deadline.
Result<Done> end_lost_shim(const ShimSockets& sockets, const std::string& id,
                           std::chrono::milliseconds deadline);

}  // namespace podsandbox::host
