#pragma once

#include <optional>

#include "messages/error.hpp"
#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

/// The first rule that the pod's config breaks, as an error that names the field; empty: none. What needs
/// more than a look (users' names, seccomp profiles, SELinux) is checked where it is decided.
std::optional<Error> broken_rule(const Inputs& inputs);

}  // namespace podsandbox::oci
