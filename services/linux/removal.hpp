#pragma once

#include <functional>

#include "messages/runtime_port.hpp"
#include "services/linux/sandbox.hpp"

namespace podsandbox::linux_runtime {

/// Removes what exists of `sandbox`, with what the keeper has under its id. `task`: the dead process (one
/// that runs is FAILED_PRECONDITION), its cgroup, and the mount of the pod's shared memory. `everything`:
/// also a process that runs, which is killed, the pod's files, its shim and the record. `done` runs on the
/// loop; after an error what is left is still in `sandbox`, and the call may be repeated. Bounded by the
/// settings' deadline, except for files that hang.
void remove_sandbox(const Context& context, SandboxPtr sandbox, runtime::Extent extent,
                    std::function<void(Result<Done>)> done);

}  // namespace podsandbox::linux_runtime
