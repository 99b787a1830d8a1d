#pragma once

#include <memory>

#include "actors/hub/event_log.hpp"
#include "messages/ports.hpp"

namespace podsandbox {

/// Brings the event log to watchers: a watcher asks for what comes from a position on and is answered as
/// soon as there is something. A slow one does not ask, and so costs nothing but its place in the log.
HubPort spawn_hub(caf::actor_system& system, std::shared_ptr<const EventLog> log);

}  // namespace podsandbox
