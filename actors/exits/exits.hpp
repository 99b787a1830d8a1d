#pragma once

#include <vector>

#include "messages/ports.hpp"

namespace podsandbox {

/// Turns the runtimes' exit notifications into TaskExit messages for the supervisor. Whenever it starts, or
/// a runtime or the supervisor is new, it subscribes again, which repeats every exit that is not cleaned
/// up, and tells the supervisor what the runtime has. Each runtime is asked for itself: one that is silent
/// delays no other.
ExitsPort spawn_exits(caf::actor_system& system, std::vector<RuntimeKind> runtimes);

}  // namespace podsandbox
