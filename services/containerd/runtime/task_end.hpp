#pragma once

#include "services/containerd/runtime/context.hpp"

namespace podsandbox::containerd_runtime {

/// Ends the sandbox's task, if there is one, and removes it with its shim's part of it. A process that still
/// runs is killed; how it ended is told. Only for a container that is ours.
host::Flow<Result<Done>> end_task(const Context& context, SandboxPtr sandbox);

/// How a stopped task's process ended.
Exit exit_of(const Task& task);

}  // namespace podsandbox::containerd_runtime
