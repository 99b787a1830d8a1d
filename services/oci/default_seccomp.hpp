#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace podsandbox::oci {

/// containerd's default seccomp filter (2.1's) for a process with a pause container's capabilities on that
/// architecture (in Go's words), as OCI `linux.seccomp`.
nlohmann::json default_seccomp(std::string_view architecture);

}  // namespace podsandbox::oci
