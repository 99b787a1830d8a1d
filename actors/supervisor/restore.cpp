#include "actors/supervisor/restore.hpp"

#include <utility>

#include "actors/sandbox/view.hpp"

namespace podsandbox {

Restored restore(const StoredSandbox& stored, const std::string& boot_id, const RestoreTime& now) {
  Restored restored;
  auto& record = restored.entry.record;
  record = stored.record;
  restored.entry.actors = stored.actors;
  const auto wait = stored.due ? std::optional(*stored.due - now.wall) : std::nullopt;
  const auto due =
      wait
          ? std::optional(now.steady + std::chrono::duration_cast<std::chrono::steady_clock::duration>(*wait))
          : std::nullopt;
  restored.entry.chores.restore({stored.chores.begin(), stored.chores.end()}, due, stored.failures,
                                stored.last_error);
  // Its caller's connection ended with the daemon, and nobody asks a second time.
  if (record.start_wanted && !record.started && !record.start_failure) record.removal_wanted = true;
  if (record.started) record.start_answered = true;
  if (stored.boot_id != boot_id && record.started && !record.exit) {
    record.exit = Exit{unknown_exit_code, now.wall};
    restored.events.push_back(event_of(EventKind::exited, record, "the host was started anew"));
  }
  return restored;
}

StoredSandbox to_store(const LedgerEntry& entry, const RestoreTime& now) {
  StoredSandbox stored;
  stored.record = entry.record;
  stored.chores.assign(entry.chores.items().begin(), entry.chores.items().end());
  stored.failures = entry.chores.failures();
  stored.last_error = entry.chores.last_error();
  if (const auto due = entry.chores.due()) {
    stored.due = now.wall + std::chrono::duration_cast<Time::duration>(*due - now.steady);
  }
  stored.actors = entry.actors;
  return stored;
}

}  // namespace podsandbox
