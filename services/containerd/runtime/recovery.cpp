#include "services/containerd/runtime/recovery.hpp"

#include <fcntl.h>

#include <algorithm>
#include <set>
#include <utility>

#include "messages/log.hpp"
#include "proto/cri.pb.h"
#include "services/containerd/runtime/container.hpp"
#include "services/containerd/runtime/removal.hpp"
#include "services/host/aside_flow.hpp"
#include "services/host/pod_cgroup.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using host::Flow;
namespace types = ::containerd::v1::types;

constexpr auto first_pause = std::chrono::seconds(1);
constexpr auto longest_pause = std::chrono::seconds(30);
// Between two attempts to learn what containerd has, and for whoever waits for it.
constexpr auto first_attempt = std::chrono::milliseconds(200);
constexpr auto last_attempt = std::chrono::milliseconds(10'000);
constexpr auto patience = std::chrono::seconds(5);
constexpr const char* component = "containerd";

// That our records are complete is written down, once they are: an empty directory says nothing.
std::filesystem::path complete_mark(const Settings& settings) {
  return settings.data_dir / "containers-complete";
}

bool is_complete(const Settings& settings) {
  std::error_code error;
  return std::filesystem::exists(complete_mark(settings), error);
}

void mark_complete(const Settings& settings) {
  const host::UniqueFd file(open(complete_mark(settings).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file)
    log::warn(component, {}, "marking that the records are complete failed; they are compared again");
}

// A pod that runs is not ended because nobody can say what it is.
SpecPtr spec_of(const Container& container) {
  if (auto spec = sandbox_of(container)) return *spec;
  log::error(component, container.id(), "what its start was asked is lost: only its id is known");
  auto bare = std::make_shared<SandboxSpec>();
  bare->id = container.id();
  bare->runtime = RuntimeKind::containerd;
  bare->config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  return bare;
}

}  // namespace

// What a lost or damaged record was of is taken over from containerd. The mark goes first: the next life must
// do it if this one ends before.
void Recovery::begin() {
  if (!context_.records.make_sense()) {
    std::error_code error;
    std::filesystem::remove(complete_mark(context_.settings), error);
    context_.records.remove_nonsense();
  }
  for (const auto& [id, record] : context_.records.read_all()) take_up(id, record);
  knows_all_ = is_complete(context_.settings);
  if (!knows_all_) context_.flows.start(take_over());
  context_.flows.start(sweep());
}

void Recovery::when_complete(std::function<void(bool)> task) {
  if (knows_all_) return task(true);
  const auto place = waiting_.insert(waiting_.end(), std::move(task));
  context_.loop.after(patience, [this, place] {
    if (knows_all_) return;  // it has been called
    const auto waited = std::move(*place);
    waiting_.erase(place);
    waited(false);
  });
}

void Recovery::take_up(const std::string& id, const host::ProcessRecord& record) {
  const auto sandbox = sandboxes_.get(id);
  sandbox->record = record;
  const bool in_this_boot = record.boot_id == context_.boot_id;
  if (record.pid != 0 && in_this_boot) {
    sandbox->process = WatchedProcess::open(context_.loop, record.pid, record.start_time);
  }
  if (!record.started) return undo(sandbox);
  if (!sandbox->has_process()) return;
  if (in_this_boot) return context_.watch(sandbox);
  context_.ended(sandbox, {unknown_exit_code, std::chrono::system_clock::now()});
}

// Nobody was told of it. Whoever knows of it from the journal sees to it himself, at once: two that remove
// it, one after the other, would take longer than he waits.
void Recovery::undo(const SandboxPtr& sandbox) {
  context_.flows.start(run_undo(sandbox));
}

Flow<void> Recovery::run_undo(SandboxPtr sandbox) {
  for (auto pause = std::chrono::seconds(first_pause);;
       pause = std::min<std::chrono::seconds>(pause * 2, longest_pause)) {
    auto pausing = host::pause_for(context_.loop, pause);
    co_await pausing;
    if (sandbox->users > 0) continue;
    const auto use = sandboxes_.use(sandbox);
    auto waiting = sandbox->turn.acquire();
    const auto turn = co_await waiting;
    if (!sandbox->record || sandbox->started()) co_return;
    auto removing = remove_sandbox(context_, sandbox, runtime::Extent::everything);
    const auto removed = co_await removing;
    if (removed) co_return;
    log::warn(component, sandbox->id, "removing what there is of it: " + removed.error().message);
  }
}

Flow<void> Recovery::take_over() {
  for (auto pause = first_attempt;; pause = std::min(pause * 2, last_attempt)) {
    auto listing = context_.api.list_containers(owner_label, context_.settings.owner);
    const auto containers = co_await listing;
    if (!containers) pause = first_attempt;  // it is said elsewhere that it is away
    bool all = containers.has_value();
    for (const Container& container : containers.value_or(std::vector<Container>())) {
      if (!is_ours(container, context_.settings.owner) || sandboxes_.find(container.id())) continue;
      auto taking = take_over(container);
      const auto taken = co_await taking;
      if (!taken) log::warn(component, container.id(), "taking it over: " + taken.error().message);
      all = all && taken;
    }
    if (all) break;
    auto pausing = host::pause_for(context_.loop, pause);
    co_await pausing;
  }
  mark_complete(context_.settings);
  knows_all_ = true;
  for (const auto& task : std::exchange(waiting_, {})) task(true);
}

// One that runs, or has run, was told to somebody. One that was never started is undone.
Flow<Result<Done>> Recovery::take_over(Container container) {
  const std::string& id = container.id();
  auto asking = context_.api.get_task(id);
  const auto task = co_await asking;
  if (!task && task.error().kind != ErrorKind::not_found) co_return tl::unexpected<Error>(task.error());
  if (sandboxes_.find(id)) co_return Done{};  // meanwhile somebody has asked for it
  const bool started = task && (task->status() == types::RUNNING || task->status() == types::STOPPED);
  const auto spec = spec_of(container);

  host::ProcessRecord record;
  record.boot_id = context_.boot_id;
  record.files = true;
  record.started = started;
  record.cgroup_parent = host::pod_cgroup(spec->config->linux().cgroup_parent()).value_or("");
  if (started) {
    record.pid = static_cast<int>(task->pid());
    const auto stat = host::read_stat(record.pid);
    if (stat && task->status() == types::RUNNING) record.start_time = stat->start_time;
    log::info(component, id, "taken over from containerd: our own record of it is lost");
  }
  auto written = context_.records.write_spec(*spec);
  if (written) written = context_.records.write(id, record);
  if (!written) co_return written;
  take_up(id, record);
  co_return Done{};
}

Flow<void> Recovery::sweep() {
  for (;;) {
    auto pausing = host::pause_for(context_.loop, context_.settings.look_every);
    co_await pausing;
    if (!knows_all_) continue;
    auto listing = context_.api.list_containers(owner_label, context_.settings.owner);
    const auto containers = co_await listing;
    if (!containers) continue;
    std::set<std::string> seen;
    for (const Container& container : *containers) {
      if (!is_ours(container, context_.settings.owner) || sandboxes_.find(container.id())) continue;
      seen.insert(container.id());
      consider_orphan(container, Clock::now());
    }
    std::erase_if(orphans_, [&](const auto& orphan) { return !seen.contains(orphan.first); });
  }
}

void Recovery::consider_orphan(const Container& container, Clock::time_point now) {
  const auto& settings = context_.settings;
  const auto [orphan, is_new] = orphans_.try_emplace(container.id(), Orphan{now});
  if (is_new) return;  // it may have gone while it was listed
  if (!std::exchange(orphan->second.told, true)) {
    log::warn(component, container.id(),
              std::string("containerd has a container of ours that nobody knows of") +
                  (settings.orphans_dry_run ? "" : "; it is removed soon"));
  }
  if (settings.orphans_dry_run || now - orphan->second.since < settings.remove_orphans_after) return;
  log::warn(component, container.id(), "removing the container that nobody knows of");
  const auto sandbox = sandboxes_.get(container.id());
  sandbox->record = host::ProcessRecord{};
  sandbox->record->boot_id = context_.boot_id;
  sandbox->record->files = true;
  undo(sandbox);
}

}  // namespace podsandbox::containerd_runtime
