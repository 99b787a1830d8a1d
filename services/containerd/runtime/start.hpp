#pragma once

#include <memory>

#include "services/containerd/runtime/context.hpp"

namespace podsandbox::containerd_runtime {

/// Makes everything that the sandbox needs and runs its first process: the runtime port's Start, once it is
/// its turn. On failure, and when it is cancelled, nothing is left, or the answer's message says what is.
host::Flow<Result<Started>> start_sandbox(const Context& context, SandboxPtr sandbox, SpecPtr spec,
                                          std::shared_ptr<Cancellation> cancellation);

}  // namespace podsandbox::containerd_runtime
