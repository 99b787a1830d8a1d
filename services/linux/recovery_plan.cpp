#include "services/linux/recovery_plan.hpp"

namespace podsandbox::linux_runtime {

namespace {

Verdict judge_kept(const KeptProcess& kept, const std::optional<host::ProcessRecord>& record,
                   const std::string& boot_id) {
  // A record is written before its process is made: it was lost, with the others. A pod that runs is not
  // ended for that.
  if (!record) return Verdict::take_up;
  if (!record->started) return Verdict::remove;
  const bool same =
      record->boot_id == boot_id && record->pid == kept.pid && record->start_time == kept.start_time;
  return same || kept.dead ? Verdict::take_up : Verdict::remove;
}

}  // namespace

Verdict judge(const Evidence& evidence, const std::string& boot_id) {
  const auto& record = evidence.record;
  if (evidence.kept) return judge_kept(*evidence.kept, record, boot_id);
  if (!record || !record->started) return Verdict::remove;
  if (record->pid == 0) return Verdict::keep_remains;
  return evidence.alive && record->boot_id == boot_id ? Verdict::take_up_orphan : Verdict::has_ended;
}

}  // namespace podsandbox::linux_runtime
