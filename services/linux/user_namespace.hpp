#pragma once

#include "messages/error.hpp"
#include "services/linux/plan.hpp"
#include "services/linux/unique_fd.hpp"

namespace podsandbox::linux_runtime {

/// Makes a user namespace with these mappings. It lives as long as the descriptor, or a process in it.
Result<UniqueFd> make_user_namespace(const UserNamespace& mappings);

}  // namespace podsandbox::linux_runtime
