#pragma once

#include "messages/ports.hpp"

namespace podsandbox {

/// The bridge from the gRPC services to the actors: one message per RPC in, passed to who can answer; the
/// answer goes straight back through the call's `Reply`. It holds nothing: what dies with it or with anybody
/// behind it is lost, noticed as lost by the `CallDesk`, and comes in again.
GatewayPort spawn_gateway(caf::actor_system& system);

}  // namespace podsandbox
