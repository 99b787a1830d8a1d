#pragma once

#include <caf/actor_system.hpp>
#include <chrono>
#include <functional>
#include <vector>

#include "messages/ports.hpp"

namespace podsandbox {

inline constexpr auto watchdog_name = caf::atom("watchdog");

struct WatchdogSettings {
  /// How often the actors are asked. Whoever is fed should wait for twice as long.
  std::chrono::nanoseconds interval;
  /// Who is asked, by name; each understands Ping.
  std::vector<caf::atom_value> watched;
  /// Called when all of them have answered; may block.
  std::function<void()> feed;
};

/// Asks the actors that everything depends on whether they still take messages, and feeds a watchdog outside
/// of the process while all of them do. One that dies is not missed, its successor is asked; one that hangs
/// is named in the log. It has a thread of its own, so that it can tell of the others' threads when they are
/// all stuck.
caf::strong_actor_ptr spawn_watchdog(caf::actor_system& system, WatchdogSettings settings);

}  // namespace podsandbox
