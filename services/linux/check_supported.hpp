#pragma once

#include <optional>
#include <string>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"

namespace podsandbox::linux_runtime {

/// What of `spec` this runtime cannot honour (UNIMPLEMENTED) or makes no sense (INVALID_ARGUMENT), naming the
/// field. Empty: it can be started. `host_name` is the host's own.
std::optional<Error> check_supported(const SandboxSpec& spec, const std::string& host_name);

}  // namespace podsandbox::linux_runtime
