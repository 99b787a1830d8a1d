#include "services/containerd/runtime/removal.hpp"

#include <string>
#include <utility>

#include "messages/failpoint.hpp"
#include "messages/runtime_handler.hpp"
#include "proto/cri.pb.h"
#include "services/containerd/runtime/container.hpp"
#include "services/containerd/runtime/snapshot.hpp"
#include "services/containerd/runtime/task_end.hpp"
#include "services/host/aside_flow.hpp"
#include "services/host/pod_files.hpp"
#include "services/host/runc_cgroup.hpp"
#include "services/host/runc_state.hpp"
#include "services/host/shim.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using host::Flow;

bool is_missing(const Error& error) {
  return error.kind == ErrorKind::not_found;
}

// Removing what is not there is done.
Result<Done> done_or_missing(Result<Done> done, const char* what) {
  if (done || is_missing(done.error())) return Done{};
  return failure(done.error().kind, std::string(what) + ": " + done.error().message);
}

class Removal {
 public:
  Removal(const Context& context, SandboxPtr sandbox) : context_(context), sandbox_(std::move(sandbox)) {}

  Flow<Result<Done>> remove_task();
  Flow<Result<Done>> remove_everything();

 private:
  Flow<Result<Done>> find_container();
  Flow<Result<Done>> remove_snapshot();
  Flow<Result<Done>> remove_container();
  Flow<Result<Done>> remove_files();
  Flow<Result<Done>> end_shim();
  Flow<Result<Done>> clear_after_runc();
  Result<Done> forget();
  const std::string& id() const { return sandbox_->id; }

  const Context& context_;
  const SandboxPtr sandbox_;
  bool has_container_ = false;
  bool foreign_ = false;     // there is a container of this id that is not ours
  std::string snapshotter_;  // of our container
};

// Whose it is has to be known before anything is touched: the id may be another controller's.
Flow<Result<Done>> Removal::find_container() {
  if (!sandbox_->snapshotter.empty()) {  // made by this very process
    has_container_ = true;
    snapshotter_ = sandbox_->snapshotter;
    co_return Done{};
  }
  auto asking = context_.api.get_container(id());
  auto container = co_await asking;
  if (container) {
    has_container_ = is_ours(*container, context_.settings.owner);
    foreign_ = !has_container_;
    snapshotter_ = container->snapshotter();
    co_return Done{};
  }
  co_return done_or_missing(tl::unexpected<Error>(container.error()), "looking for its container");
}

Flow<Result<Done>> Removal::remove_task() {
  const auto& process = sandbox_->process;
  if (process && !process->has_ended()) {
    co_return failure(ErrorKind::failed_precondition,
                      "pause process " + std::to_string(sandbox_->record->pid) + " still runs");
  }
  if (!sandbox_->record || sandbox_->record->pid == 0) co_return Done{};
  auto ending = end_task(context_, sandbox_);
  auto ended = co_await ending;
  if (!ended) co_return ended;
  auto unmounting = host::aside(
      context_.loop, [settings = context_.settings, id = id(), which = host::files_of(*sandbox_->record)] {
        return host::unmount_pod_shm(settings.cri, settings.owner, id, which);
      });
  auto unmounted = co_await unmounting;
  if (!unmounted) co_return unmounted;
  sandbox_->record->pid = 0;
  sandbox_->process.reset();
  sandbox_->shim.reset();
  co_return context_.records.write(id(), *sandbox_->record);
}

Flow<Result<Done>> Removal::remove_everything() {
  if (!sandbox_->record) co_return Done{};
  auto finding = find_container();
  auto done = co_await finding;
  if (done && !foreign_ && !sandbox_->is_without_task()) {
    auto ending = end_task(context_, sandbox_);
    done = co_await ending;
  }
  if (!done) co_return done;
  failpoint("task is gone");
  if (!foreign_ && !sandbox_->started()) {
    auto clearing = clear_after_runc();
    done = co_await clearing;
    if (!done) co_return done;
  }
  host::Running snapshot(context_.flows, remove_snapshot());
  host::Running files(context_.flows, remove_files());
  host::Running lease(context_.flows, end_lease(context_, sandbox_));
  auto removing = remove_container();
  done = co_await removing;
  const auto without_snapshot = co_await snapshot;
  const auto without_files = co_await files;
  const auto without_lease = co_await lease;
  for (const auto& also : {without_snapshot, without_files, without_lease}) {
    if (done) done = also;
  }
  // The shim last: only then is there nothing more that a container could use.
  if (done && !foreign_) {
    auto ending = end_shim();
    done = co_await ending;
  }
  co_return done ? forget() : done;
}

// Of a start that was cut off before it had a container, whose snapshot it is must be asked.
Flow<Result<Done>> Removal::remove_snapshot() {
  if (foreign_) co_return Done{};
  std::string snapshotter = snapshotter_;
  if (!has_container_) {
    const auto spec = context_.records.read_spec(id());
    if (!spec) co_return Done{};  // it is collected as garbage, at the latest when CRI's lease ends
    snapshotter = context_.settings.cri.of(runtime_handler(**spec)).snapshotter;
    auto asking = context_.api.stat_snapshot(snapshotter, id());
    const auto labels = co_await asking;
    if (!labels) co_return done_or_missing(tl::unexpected<Error>(labels.error()), "looking for its snapshot");
    const auto owner = labels->find(owner_label);
    if (owner == labels->end() || owner->second != context_.settings.owner) co_return Done{};
  }
  auto removing = context_.api.remove_snapshot(snapshotter, id());
  co_return done_or_missing(co_await removing, "removing its snapshot");
}

Flow<Result<Done>> Removal::remove_container() {
  if (!has_container_) co_return Done{};
  auto removing = context_.api.delete_container(id());
  co_return done_or_missing(co_await removing, "removing its container");
}

Flow<Result<Done>> Removal::remove_files() {
  if (!sandbox_->record->files) co_return Done{};
  auto removing = host::aside(
      context_.loop, [settings = context_.settings, id = id(), which = host::files_of(*sandbox_->record)] {
        return host::remove_pod_files(settings.cri, settings.owner, id, which);
      });
  co_return co_await removing;
}

Flow<Result<Done>> Removal::end_shim() {
  auto ending = host::aside(context_.loop, [settings = context_.settings, id = id()]() -> Result<Done> {
    const auto sockets = host::shim_sockets(settings.containerd_address, id);
    return host::end_shim(sockets, settings.removal_deadline / 2);
  });
  co_return co_await ending;
}

// What is left of a start that was cut off while runc made it.
Flow<Result<Done>> Removal::clear_after_runc() {
  const auto spec = context_.records.read_spec(id());
  if (!spec) co_return Done{};
  const auto cgroup = host::runc_cgroup((*spec)->config->linux().cgroup_parent(), id());
  const auto state = host::runc_state((*spec)->runtime_options, id());
  auto clearing = host::aside(
      context_.loop, [cgroup, state, limit = context_.settings.removal_deadline / 2]() -> Result<Done> {
        Result<Done> cleared = Done{};
        if (!cgroup.empty()) cleared = host::clear_runc_cgroup(cgroup, limit);
        return cleared && !state.empty() ? host::remove_runc_state(state) : cleared;
      });
  co_return co_await clearing;
}

Result<Done> Removal::forget() {
  auto removed = context_.records.remove(id());
  if (!removed) return removed;
  sandbox_->record.reset();
  sandbox_->process.reset();
  sandbox_->shim.reset();
  sandbox_->exit.reset();
  sandbox_->snapshotter.clear();
  return removed;
}

}  // namespace

Flow<Result<Done>> remove_sandbox(const Context& context, SandboxPtr sandbox, runtime::Extent extent) {
  Removal removal(context, sandbox);
  auto removing = extent == runtime::Extent::task ? removal.remove_task() : removal.remove_everything();
  co_return co_await removing;
}

}  // namespace podsandbox::containerd_runtime
