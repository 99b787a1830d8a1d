#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "actors/restart_intensity.hpp"
#include "actors/supervisor/backoff.hpp"
#include "actors/supervisor/past_exits.hpp"
#include "actors/supervisor/scribe.hpp"
#include "messages/ports.hpp"

namespace podsandbox {

/// What must survive a sandbox's actor.
struct LedgerEntry {
  SandboxRecord record;
  std::uint64_t incarnation = 0;  // of its actor: a number that no other one ever had, of whatever sandbox
  std::uint32_t actors = 0;       // how many it has had
  BackoffQueue<Chore> chores;
  /// A sandbox whose actor dies more often than this is restarted with a pause.
  RestartIntensity restarts{5, std::chrono::seconds(10)};
};

/// What must survive the supervisor. Root keeps it and lends it to one supervisor after the other; only the
/// living one touches it.
struct Ledger {
  std::map<std::string, LedgerEntry> sandboxes;  // by id
  std::uint64_t last_incarnation = 0;
  Scribe scribe;
  PastExits past_exits;
  /// The runtimes that have not told yet what they have: until then the journal may have lost some of theirs.
  std::set<RuntimeKind> untold;
};

}  // namespace podsandbox
