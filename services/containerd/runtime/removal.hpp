#pragma once

#include "services/containerd/runtime/context.hpp"

namespace podsandbox::containerd_runtime {

/// The runtime port's Cleanup, once it is the sandbox's turn. What is not ours is left alone.
host::Flow<Result<Done>> remove_sandbox(const Context& context, SandboxPtr sandbox, runtime::Extent extent);

}  // namespace podsandbox::containerd_runtime
