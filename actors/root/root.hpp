#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/restart_intensity.hpp"
#include "actors/settings.hpp"
#include "messages/call_desk.hpp"
#include "messages/journal_port.hpp"
#include "messages/ports.hpp"

namespace podsandbox {

/// An actor beside the runtimes that only talks to the world outside: nobody here asks it anything.
struct Companion {
  caf::atom_value name;
  /// Makes an incarnation of it.
  std::function<caf::strong_actor_ptr(caf::actor_system&)> spawn;
};

/// One of the daemon's runtimes.
struct RuntimeSeed {
  RuntimeKind kind = RuntimeKind::linux;
  /// Makes an incarnation of its actor.
  std::function<RuntimePort(caf::actor_system&)> spawn;
};

/// What the daemon brings to the actors.
struct RootSeed {
  Settings settings;
  /// What an earlier life of the daemon has left, and the boot that this one is in.
  journal::Contents restored;
  std::string boot_id;
  /// Makes an incarnation of the journal's actor; empty: nothing outlives this process.
  std::function<JournalPort(caf::actor_system&)> make_journal;
  /// One for each kind of which there are sandboxes, or may come some.
  std::vector<RuntimeSeed> runtimes;
  /// Where lost calls wait to be sent again. Outlives the actors.
  CallDesk* desk = nullptr;
  /// Called when a child dies more often than `intensity` allows, or root itself dies: the process should
  /// end, non-zero. From any thread.
  std::function<void(std::string)> give_up;
  RestartIntensity intensity{10, std::chrono::seconds(10)};
  /// Started last and stopped first, else treated like the other children.
  std::vector<Companion> companions;
};

/// The top of the supervision tree: starts runtimes, hub, supervisor, exits, gateway and the companions,
/// registers each under its name, and restarts what dies, one for one. What the supervisor and the hub work
/// on stays with it.
RootPort spawn_root(caf::actor_system& system, RootSeed seed);

}  // namespace podsandbox
