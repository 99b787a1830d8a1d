#pragma once

#include <string>

#include "messages/sandbox_spec.hpp"

namespace podsandbox {

/// The runtime handler for which CRI made this sandbox; empty: the default one, or no CRI.
std::string runtime_handler(const SandboxSpec& spec);

}  // namespace podsandbox
