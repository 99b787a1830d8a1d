#pragma once

#include <string>

#include "messages/sandbox_spec.hpp"
#include "services/linux/plan.hpp"

namespace podsandbox::linux_runtime {

/// The OCI runtime spec, as JSON, that describes the sandbox which was made of `spec` by `plan`, with the
/// oom_score_adj that it got.
Payload runtime_spec(const SandboxSpec& spec, const Plan& plan, int oom_score_adj);

}  // namespace podsandbox::linux_runtime
