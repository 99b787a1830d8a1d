#pragma once

#include <map>
#include <string>

#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

/// The pod's annotations that are passed to the runtime, and CRI's own, by which shims, runtimes and
/// monitoring know a sandbox.
std::map<std::string, std::string> annotations_of(const Inputs& inputs);

}  // namespace podsandbox::oci
