#pragma once

#include <string>

#include "messages/error.hpp"

namespace podsandbox::linux_runtime {

/// Whether `file` holds a seccomp profile that a pod may name. Ours is stricter, so it is not applied to the
/// sandbox's process; but a pod whose profile is missing is to fail here, and not container by container. May
/// hang, as any path may. INVALID_ARGUMENT, naming the field.
Result<Done> check_seccomp_profile(const std::string& file);

}  // namespace podsandbox::linux_runtime
