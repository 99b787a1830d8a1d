#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "actors/supervisor/ledger.hpp"
#include "messages/journal.hpp"

namespace podsandbox {

/// When something is restored: the two clocks at one moment.
struct RestoreTime {
  Time wall;
  std::chrono::steady_clock::time_point steady;
};

/// A sandbox as this life of the daemon takes it up from an earlier one, and what has to be told of that.
struct Restored {
  LedgerEntry entry;
  std::vector<Event> events;
  bool changed = false;  // it is not as the journal has it
};

/// What is known without asking anybody: a start that nobody can have been told of is undone, one that may
/// have been told of is kept; of a process of another boot it is known that it has ended, and not how
/// (recovery.hpp). The rest is found out by the sandbox's actor, before it answers anything.
Restored restore(const StoredSandbox& stored, const std::string& boot_id, const RestoreTime& now);

/// What the journal keeps of an entry.
StoredSandbox to_store(const LedgerEntry& entry, const RestoreTime& now);

}  // namespace podsandbox
