#pragma once

#include <optional>

#include "messages/error.hpp"
#include "services/linux/plan.hpp"

namespace podsandbox::linux_runtime {

/// The first rule that `spec` breaks, as an error that names the field; empty: none.
std::optional<Error> broken_rule(const SandboxSpec& spec, const HostFacts& host);

}  // namespace podsandbox::linux_runtime
