#include "services/linux/recovery.hpp"

#include <map>
#include <string>
#include <utility>

#include "messages/log.hpp"
#include "services/host/process_facts.hpp"
#include "services/linux/recovery_plan.hpp"
#include "services/linux/removal.hpp"

namespace podsandbox::linux_runtime {

namespace {

void remove_unfinished(const Context& context, Sandboxes& sandboxes, const SandboxPtr& sandbox) {
  const auto run = [&context, sandbox](const std::function<void()>& done) {
    if (sandbox->child && sandbox->child->started()) return done();
    remove_sandbox(context, sandbox, runtime::Extent::everything, [sandbox, done](Result<Done> removed) {
      if (!removed)
        log::warn("linux", sandbox->id, "removing what there is of it: " + removed.error().message);
      done();
    });
  };
  sandboxes.add_next_turn(sandbox, {run, nullptr});
}

// What is known of a sandbox, with a hold on its process.
struct Clues {
  std::optional<host::ProcessRecord> record;
  std::shared_ptr<Child> kept;
  host::UniqueFd orphan;  // the record's process
};

Evidence evidence_of(const Clues& clues) {
  Evidence evidence{clues.record, {}, static_cast<bool>(clues.orphan)};
  if (clues.kept) {
    const auto& identity = clues.kept->identity();
    evidence.kept = KeptProcess{identity.pid, identity.start_time, clues.kept->exit().has_value()};
  }
  return evidence;
}

std::shared_ptr<Child> child_of(const Context& context, const std::string& id, Clues clues) {
  if (clues.kept || !clues.record || clues.record->pid == 0) return clues.kept;
  const auto& record = *clues.record;
  const Child::Identity identity{id, record.pid, record.start_time, record.created_ns};
  auto orphan = std::move(clues.orphan);
  if (orphan && !host::has_ended(orphan.get())) return Child::make(context, identity, std::move(orphan));
  // Found out here and now: nobody may be told that it runs.
  const auto status =
      orphan ? host::wait_status_of_other(orphan.get(), record.pid, record.start_time) : std::nullopt;
  auto child = Child::make(context, identity, {});
  child->ended({status ? host::exit_status(*status) : unknown_exit_code, std::chrono::system_clock::now()});
  return child;
}

void take_up(const Context& context, Sandboxes& sandboxes, const std::string& id, Clues clues) {
  const auto verdict = judge(evidence_of(clues), context.host.boot_id);
  const auto sandbox = sandboxes.get(id);
  sandbox->files = host::PodFiles::ours;  // a process is made later than they
  if (const auto& record = clues.record) {
    sandbox->recorded = true;
    sandbox->cgroup = record->cgroup;
    sandbox->cgroup_parent = record->cgroup_parent;
    sandbox->files = host::files_of(*record);
    sandbox->oom_score_adj = record->oom_score_adj;
  } else {
    log::error("linux", id, "its process is there and its record is lost: it goes on");
    if (const auto place = find_sandbox_cgroup(id, clues.kept->identity().pid)) {
      sandbox->cgroup = place->path;
      sandbox->cgroup_parent = place->parent;
    }
  }
  sandbox->child = child_of(context, id, std::move(clues));
  if (verdict == Verdict::remove) return remove_unfinished(context, sandboxes, sandbox);
  if (sandbox->child) sandbox->child->set_started();
}

}  // namespace

void recover(const Context& context, Sandboxes& sandboxes, std::vector<KeeperAnswer> inventory) {
  context.records.remove_nonsense();
  std::map<std::string, Clues> all;
  for (KeeperAnswer& answer : inventory) {
    auto& clues = all[answer.reply.id];
    clues.kept = Child::make(context, std::move(answer));
  }
  for (auto& [id, record] : context.records.read_all()) {
    auto& clues = all[id];
    const bool in_this_boot = record.boot_id == context.host.boot_id;
    if (!clues.kept && record.pid != 0 && in_this_boot) {
      clues.orphan = host::open_process(record.pid, record.start_time);
    }
    clues.record = record;
  }
  for (auto& [id, clues] : all) take_up(context, sandboxes, id, std::move(clues));
}

void remove_strays(const Context& context, Sandboxes& sandboxes, const std::vector<KeeperAnswer>& inventory) {
  for (const KeeperAnswer& answer : inventory) {
    const auto known = sandboxes.find(answer.reply.id);
    if (known && known->child && known->child->identity().pid == answer.reply.pid) continue;
    remove_unfinished(context, sandboxes, sandboxes.get(answer.reply.id));
  }
}

}  // namespace podsandbox::linux_runtime
