#pragma once

#include <optional>
#include <string>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"
#include "services/host/user_namespace.hpp"

namespace podsandbox::host {

/// The namespaces that a sandbox is put into, rather than making them itself.
struct Namespaces {
  UniqueFd network;  ///< empty: its own, or the host's
  UniqueFd user;     ///< empty: the host's
};

/// Opens the network namespace at `netns_path` (empty: none), and the user namespace that it belongs to if
/// the pod is to have one (`mappings`); where it brings no network, makes one. May hang, as any path may.
/// INVALID_ARGUMENT, naming the field, when a namespace is not what the pod needs.
Result<Namespaces> open_namespaces(const std::string& netns_path,
                                   const std::optional<UserNamespace>& mappings);

}  // namespace podsandbox::host
