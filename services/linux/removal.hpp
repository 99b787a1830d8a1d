#pragma once

#include <functional>

#include "services/linux/sandbox.hpp"

namespace podsandbox::linux_runtime {

/// Removes all that exists of `sandbox`, with what the keeper has under its id: the process (killed first if
/// it runs and `kill` is true, else FAILED_PRECONDITION), its cgroup, its record. `done` runs on the loop;
/// after an error what is left is still in `sandbox`, and the call may be repeated. Bounded by the settings'
/// deadline, except for a cgroup whose removal hangs.
void remove_sandbox(const Context& context, SandboxPtr sandbox, bool kill,
                    std::function<void(Result<Done>)> done);

}  // namespace podsandbox::linux_runtime
