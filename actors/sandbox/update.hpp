#pragma once

#include "messages/requests.hpp"

namespace podsandbox {

/// The spec as it is after the update. INVALID_ARGUMENT names the first field that cannot be changed.
Result<SpecPtr> updated_spec(const SandboxSpec& spec, const UpdateSandbox& update);

}  // namespace podsandbox
