#pragma once

#include <chrono>
#include <string>

#include "messages/error.hpp"

namespace podsandbox::linux_runtime {

/// Where containerd's runc shim for the containers of this pod listens. (containerd's shims: "unix:///run/
/// containerd/s/" and the SHA-256 of address, namespace and the pod's id, joined by '/'.)
std::string shim_socket(const std::string& containerd_address, const std::string& id);

/// Ends the shim that listens on `socket`, which containerd started with the pod's first container and never
/// ends. Done when it has gone, also when there was none. It refuses while it has a container: UNAVAILABLE.
/// Blocks, at most until the deadline.
Result<Done> end_shim(const std::string& socket, const std::string& id, std::chrono::milliseconds deadline);

}  // namespace podsandbox::linux_runtime
