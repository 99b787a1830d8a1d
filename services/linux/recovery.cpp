#include "services/linux/recovery.hpp"

#include <set>
#include <string>
#include <utility>

#include "messages/log.hpp"
#include "services/linux/process_facts.hpp"
#include "services/linux/removal.hpp"

namespace podsandbox::linux_runtime {

namespace {

void remove_unfinished(const Context& context, Sandboxes& sandboxes, const SandboxPtr& sandbox) {
  const auto run = [&context, sandbox](const std::function<void()>& done) {
    if (sandbox->child && sandbox->child->started()) return done();
    remove_sandbox(context, sandbox, runtime::Extent::everything, [sandbox, done](Result<Done> removed) {
      if (!removed) log::warn("linux", sandbox->id, removed.error().message);
      done();
    });
  };
  sandboxes.add_next_turn(sandbox, {run, nullptr});
}

bool is_of(const Child& child, const ProcessRecord& record, const Context& context) {
  return record.started && record.boot_id == context.host.boot_id && record.pid == child.identity().pid &&
         record.start_time == child.identity().start_time;
}

// The process of a record of which the keeper knows nothing: it outlived its keeper, or died after it.
std::shared_ptr<Child> find_orphan(const Context& context, const std::string& id,
                                   const ProcessRecord& record) {
  const Child::Identity identity{id, record.pid, record.start_time, record.created_ns};
  UniqueFd pidfd;
  if (record.boot_id == context.host.boot_id) pidfd = open_process(record.pid, record.start_time);
  if (pidfd) return Child::make(context, identity, std::move(pidfd));
  auto child = Child::make(context, identity, {});
  child->ended({unknown_exit_code, std::chrono::system_clock::now()});
  return child;
}

}  // namespace

void recover(const Context& context, Sandboxes& sandboxes, std::vector<KeeperAnswer> inventory) {
  std::set<std::string> stopped;  // their processes were cleaned up, their files wait for the removal
  for (KeeperAnswer& answer : inventory) {
    const auto sandbox = sandboxes.get(answer.reply.id);
    sandbox->child = Child::make(context, std::move(answer));
  }
  for (const auto& [id, record] : context.records.read_all()) {
    const auto sandbox = sandboxes.get(id);
    sandbox->recorded = true;
    sandbox->cgroup = record.cgroup;
    sandbox->cgroup_parent = record.cgroup_parent;
    sandbox->files = record.files;
    sandbox->oom_score_adj = record.oom_score_adj;
    if (!sandbox->child && record.pid != 0) sandbox->child = find_orphan(context, id, record);
    const auto& child = sandbox->child;
    if (child && (is_of(*child, record, context) || (record.started && child->exit()))) child->set_started();
    if (!child && record.started) stopped.insert(id);
  }
  for (const auto& sandbox : sandboxes.all()) {
    const bool finished = (sandbox->child && sandbox->child->started()) || stopped.contains(sandbox->id);
    if (!finished) remove_unfinished(context, sandboxes, sandbox);
  }
}

void remove_strays(const Context& context, Sandboxes& sandboxes, const std::vector<KeeperAnswer>& inventory) {
  for (const KeeperAnswer& answer : inventory) {
    const auto known = sandboxes.find(answer.reply.id);
    if (known && known->child && known->child->identity().pid == answer.reply.pid) continue;
    remove_unfinished(context, sandboxes, sandboxes.get(answer.reply.id));
  }
}

}  // namespace podsandbox::linux_runtime
