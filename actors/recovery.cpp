#include "actors/recovery.hpp"

namespace podsandbox {

namespace {

using What = Found::What;

RecoveryStep ended_somehow(Time now, std::string_view why) {
  return {Recovery::record_exit, Exit{unknown_exit_code, now}, why};
}

RecoveryStep plan_for_lost(const Found& found) {
  if (found.what == What::process) return {Recovery::take_over, {}, {}};
  if (found.what == What::remains) return {Recovery::reap, {}, {}};
  return {};
}

/// For one that was started, and of whose end the journal knows nothing.
RecoveryStep plan_for_running(const SandboxRecord& record, bool same_boot, const Found& found, Time now) {
  if (!same_boot) return ended_somehow(now, "the host was started anew");
  if (found.what == What::unasked) return {Recovery::ask, {}, {}};
  if (found.what != What::process) {
    return ended_somehow(now, "its process is gone and nobody knows how it ended");
  }
  const auto& process = found.process;
  if (process.pid != record.started->pid || process.start_time != record.started->start_time) {
    return ended_somehow(now, "the runtime has another process under its id");
  }
  if (process.exit) return {Recovery::record_exit, process.exit, {}};
  if (record.removal_wanted) return {Recovery::finish_removal, {}, {}};
  return {record.stop_wanted ? Recovery::finish_stop : Recovery::adopt, {}, {}};
}

}  // namespace

RecoveryStep plan_recovery(const SandboxRecord* expected, bool same_boot, const Found& found, Time now) {
  if (!expected) return plan_for_lost(found);
  const auto& record = *expected;
  if (record.started && !record.exit) return plan_for_running(record, same_boot, found, now);
  if (record.removal_wanted) {
    return {record.all_cleaned ? Recovery::settled : Recovery::finish_removal, {}, {}};
  }
  if (record.exit) return {record.task_cleaned ? Recovery::settled : Recovery::finish_cleanup, {}, {}};
  if (record.start_wanted && record.start_answered) return {Recovery::finish_start, {}, {}};
  // That a start was wanted may have gone with the power that was cut, and what it made may have stayed.
  return {record.start_wanted || !same_boot ? Recovery::roll_back : Recovery::settled, {}, {}};
}

std::string_view to_string(Recovery recovery) {
  switch (recovery) {
    case Recovery::settled:
      return "settled";
    case Recovery::ask:
      return "ask";
    case Recovery::adopt:
      return "adopt";
    case Recovery::finish_start:
      return "finish start";
    case Recovery::roll_back:
      return "roll back";
    case Recovery::finish_stop:
      return "finish stop";
    case Recovery::finish_removal:
      return "finish removal";
    case Recovery::record_exit:
      return "record exit";
    case Recovery::finish_cleanup:
      return "finish cleanup";
    case Recovery::take_over:
      return "take over";
    case Recovery::reap:
      return "reap";
  }
  return "?";
}

}  // namespace podsandbox
