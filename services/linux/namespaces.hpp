#pragma once

#include <optional>
#include <string>

#include "messages/error.hpp"
#include "services/linux/plan.hpp"
#include "services/linux/unique_fd.hpp"

namespace podsandbox::linux_runtime {

/// The namespaces that a sandbox is put into, rather than making them itself.
struct Namespaces {
  UniqueFd network;  ///< empty: its own, or the host's
  UniqueFd user;     ///< empty: the host's
};

/// Opens the network namespace of the plan, and the user namespace that it belongs to; where the pod is to
/// have a user namespace and brings no network, makes one. May hang, as any path may. INVALID_ARGUMENT,
/// naming the field, when a namespace is not what the pod needs.
Result<Namespaces> open_namespaces(const std::string& id, const Plan& plan);

}  // namespace podsandbox::linux_runtime
