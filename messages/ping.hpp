#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "messages/message_types.hpp"

namespace podsandbox {

/// Do you still take messages? Answered by the actor itself, at once: the answer says that all which came
/// before it has been taken.
struct Ping {};
struct Pong {};

using PingPort = caf::typed_actor<caf::replies_to<Ping>::with<Pong>>;

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::Ping)
PODSANDBOX_MESSAGE(podsandbox::Pong)
