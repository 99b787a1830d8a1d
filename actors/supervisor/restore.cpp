#include "actors/supervisor/restore.hpp"

#include <utility>

#include "actors/recovery.hpp"
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
  const auto step = plan_recovery(&record, stored.boot_id == boot_id, {}, now.wall);
  // The connection of who started it ended with the daemon, and nobody asks a second time.
  if (step.what == Recovery::roll_back) record.removal_wanted = true;
  restored.changed = step.what == Recovery::roll_back || step.what == Recovery::record_exit;
  if (record.started) record.start_answered = true;
  if (step.what == Recovery::record_exit) {
    record.exit = step.exit;
    restored.events.push_back(event_of(EventKind::exited, record, std::string(step.why)));
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
