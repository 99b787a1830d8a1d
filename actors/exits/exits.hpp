#pragma once

#include "messages/ports.hpp"

namespace podsandbox {

/// Turns the runtime's exit notifications into TaskExit messages for the supervisor. Whenever it starts, or
/// the runtime or the supervisor is new, it subscribes again, which repeats every exit that is not cleaned
/// up, and tells the supervisor what the runtime has.
ExitsPort spawn_exits(caf::actor_system& system);

}  // namespace podsandbox
