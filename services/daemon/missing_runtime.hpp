#pragma once

#include <set>
#include <string>

#include "messages/runtime_port.hpp"

namespace podsandbox {

/// Stands in for a runtime that this daemon does not have while there are sandboxes that were given to it. It
/// starts nothing, and knows of nothing whether it lives: what an earlier daemon has made of `started`, which
/// had the runtime, stays as it is until there is one again. Every error says what is missing.
RuntimePort spawn_missing_runtime(caf::actor_system& system, RuntimeKind kind, std::set<std::string> started);

}  // namespace podsandbox
