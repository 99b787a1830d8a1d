#pragma once

#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <chrono>
#include <memory>

#include "messages/call_desk.hpp"
#include "services/containerd/connection.hpp"
#include "services/containerd/orphans.hpp"

namespace podsandbox::containerd_client {

inline constexpr auto sweeper_name = caf::atom("sweeper");

struct SweeperSettings {
  OrphanSettings orphans;
  std::chrono::nanoseconds look_every = std::chrono::seconds(20);
};

/// The actor that finds the sandboxes that nobody knows of (orphans.hpp), and shuts them down as any client
/// would. It remembers nothing beyond its own life: a successor looks at everything anew. The desk must
/// outlive it.
caf::strong_actor_ptr spawn_sweeper(caf::actor_system& system, CallDesk& desk,
                                    std::shared_ptr<Connection> containerd, const SweeperSettings& settings);

}  // namespace podsandbox::containerd_client
