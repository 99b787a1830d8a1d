#pragma once

#include <string>

#include "messages/error.hpp"
#include "services/linux/unique_fd.hpp"

namespace podsandbox::linux_runtime {

/// Opens the network namespace behind `path` for sandbox `id`. May hang, as any path may. INVALID_ARGUMENT,
/// naming the field, when it cannot be opened or is something else.
Result<UniqueFd> open_network_namespace(const std::string& id, const std::string& path);

}  // namespace podsandbox::linux_runtime
