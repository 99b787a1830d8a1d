#pragma once

#include <string>

#include "messages/sandbox_spec.hpp"

namespace podsandbox::linux_runtime {

/// The OCI runtime spec, as JSON, that describes the sandbox which this runtime makes of `spec`. `cgroup` is
/// the path of its own cgroup, empty when it has none.
Payload runtime_spec(const SandboxSpec& spec, const std::string& cgroup);

}  // namespace podsandbox::linux_runtime
