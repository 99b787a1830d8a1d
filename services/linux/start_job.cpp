#include "services/linux/start_job.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "proto/cri.pb.h"
#include "services/host/aside.hpp"
#include "services/host/oom_score.hpp"
#include "services/host/pod_files.hpp"
#include "services/host/system_error.hpp"
#include "services/linux/packet.hpp"
#include "services/linux/pause_protocol.hpp"
#include "services/linux/pause_setup.hpp"
#include "services/linux/removal.hpp"
#include "services/linux/runtime_spec.hpp"
#include "services/linux/seccomp_profile.hpp"
#include "services/linux/shims/shim_process.hpp"
#include "services/linux/shims/shims.hpp"

namespace podsandbox::linux_runtime {

namespace {

static_assert(host::most_hierarchies <= pause_most_cgroups && pause_most_fds <= packet_fds);

// CRI since 2.3 replaces the labels of its own record of the sandbox by these: so the pod's are among them,
// but for those that are too long for a record of containerd's.
Labels start_labels(const SandboxSpec& spec) {
  constexpr std::size_t longest = 4096;  // key and value
  Labels labels;
  for (const auto& [key, value] : spec.config->labels()) {
    if (key.size() + value.size() <= longest) labels.emplace(key, value);
  }
  labels["io.cri-containerd.kind"] = "sandbox";
  labels["oci_runtime_type"] = spec.runtime_name;
  labels["selinux_label"] = "";
  return labels;
}

ErrorKind kind_of_spawn_error(int error) {
  switch (error) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
      return ErrorKind::resource_exhausted;
    case EEXIST:
      return ErrorKind::unavailable;  // left by a start that was cut off; it is removed now
    default:
      return ErrorKind::internal;
  }
}

// Of those of clone3: the cgroup has gone, takes no processes, or is none.
bool may_be_of_cgroup(int error) {
  switch (error) {
    case EACCES:
    case EBADF:
    case EBUSY:
    case ENODEV:
    case ENOENT:
    case EOPNOTSUPP:
      return true;
    default:
      return false;
  }
}

// What a client's own wishes may have brought about is not our failure.
ErrorKind kind_of_step_error(const PauseReport& report) {
  if (report.step == pause_sysctls || report.step == pause_user) return ErrorKind::invalid_argument;
  return ErrorKind::internal;
}

}  // namespace

void StartJob::run(std::function<void()> done) {
  done_ = std::move(done);
  if (cancelled_) return finish(failure(ErrorKind::aborted, "it is being cleaned up"));
  auto plan = plan_of(*spec_, context_.host, context_.settings.cri);
  if (!plan) return finish(tl::unexpected(std::move(plan.error())));
  plan_ = std::move(*plan);
  if (sandbox_->child && sandbox_->child->started()) return finish(describe());
  if (!sandbox_->empty()) {
    return finish(
        failure(ErrorKind::failed_precondition, "something is left of a former start; clean it up"));
  }
  prepare();
}

// A scope is made by systemd and when the process is there; all other cgroups we make, and before.
bool StartJob::makes_cgroup() const {
  return !plan_.cgroup.empty() && !is_scope(plan_.cgroup, spec_->id);
}

void StartJob::prepare() {
  sandbox_->files = host::PodFiles::marked;
  // One of the same name may be another controller's until the pod's files are made; but whoever removes it
  // removes only what bears our mark.
  if (makes_cgroup()) {
    sandbox_->cgroup_parent = plan_.cgroup_parent;
    sandbox_->cgroup = plan_.cgroup;
  }
  // Before they exist: whoever comes after us must know what to remove.
  sandbox_->recorded = true;
  auto written = context_.records.write_spec(*spec_);
  if (written) written = context_.records.write(spec_->id, record(false));
  if (!written) {
    return fail(written.error().kind, written.error().message);
  }
  stage_ = std::make_shared<std::atomic<Stage>>(Stage::opening);
  host::run_aside(
      context_.loop,
      [spec = spec_, plan = plan_, settings = context_.settings, host = context_.host, stage = stage_,
       mounts = context_.cgroups.mounts, cgroup = sandbox_->cgroup,
       serves = context_.shims.serves(*spec_)]() -> Result<Prepared> {
        if (serves) {
          // Rather than a pod in which no container can start. A containerd that has just died may be back.
          auto shim = find_shim_of(spec->runtime_name, settings.containerd_address);
          if (!shim && shim.error().kind != ErrorKind::unavailable) {
            return tl::unexpected<Error>(shim.error());
          }
        }
        auto namespaces = host::open_namespaces(plan.netns_path, plan.user_namespace);
        if (!namespaces) return tl::unexpected<Error>(namespaces.error());
        if (!plan.seccomp_profile.empty()) {
          auto profile = check_seccomp_profile(plan.seccomp_profile);
          if (!profile) return tl::unexpected<Error>(profile.error());
        }
        auto opening = Stage::opening;
        if (!stage->compare_exchange_strong(opening, Stage::making)) {
          return failure(ErrorKind::aborted, "given up");
        }
        host::UniqueFd program(open(settings.pause_program.c_str(), O_RDONLY | O_CLOEXEC));
        if (!program) {
          return failure(ErrorKind::unavailable,
                         host::because("opening the pause program " + settings.pause_program.string()));
        }
        if (auto made = host::make_pod_files(settings.cri, settings.owner(), *spec, host.name); !made) {
          return tl::unexpected<Error>(made.error());
        }
        return Prepared{
            std::move(*namespaces), std::move(program),
            cgroup.empty() ? host::CgroupDoors{} : host::make_cgroup(mounts, cgroup, settings.owner())};
      },
      [self = shared_from_this()](Result<Prepared>&& prepared) { self->prepared(std::move(prepared)); });
}

void StartJob::prepared(Result<Prepared>&& prepared) {
  if (!answer_) return;  // given up meanwhile
  if (*stage_ == Stage::abandoned) return;
  stage_.reset();
  if (!prepared) {
    if (prepared.error().kind == ErrorKind::already_exists) {  // they are not ours
      sandbox_->files = host::PodFiles::none;
      sandbox_->cgroup.clear();
    }
    return fail(prepared.error().kind, prepared.error().message);
  }
  sandbox_->files = host::PodFiles::ours;
  if (const auto& cgroup = prepared->cgroup; !cgroup) return fail_of_cgroup(cgroup.error());
  spawn(std::move(*prepared));
}

void StartJob::spawn(Prepared prepared) {
  auto childs_end = queue_setup(prepared);
  if (!childs_end) return fail(childs_end.error().kind, childs_end.error().message);
  auto order = std::make_shared<SpawnOrder>();
  order->host_pid = plan_.host_pid;
  order->control = std::move(*childs_end);
  order->program = std::move(prepared.program);
  order->user = std::move(prepared.namespaces.user);
  order->cgroup = std::move(prepared.cgroup->directory);
  into_cgroup_ = static_cast<bool>(order->cgroup);
  context_.with_keeper([self = shared_from_this(), order](Result<Done> ready) {
    if (!ready) return self->fail(ready.error().kind, ready.error().message);
    if (self->give_up_if_cancelled()) return;
    self->spawn_asked_ = true;
    self->context_.keeper.spawn(self->spec_->id, std::move(*order),
                                [self](Result<KeeperAnswer>&& answer) { self->spawned(std::move(answer)); });
  });
}

// Makes the socket pair with the setup already in it and returns the child's end.
Result<host::UniqueFd> StartJob::queue_setup(const Prepared& prepared) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return failure(ErrorKind::resource_exhausted, host::because("making a socket pair"));
  }
  control_.reset(ends[0]);
  host::UniqueFd childs_end(ends[1]);
  const auto& tasks = prepared.cgroup->tasks;
  const std::string setup = pause_setup(plan_, tasks.size());
  std::vector<int> fds;
  if (prepared.namespaces.network) fds.push_back(prepared.namespaces.network.get());
  for (const host::UniqueFd& door : tasks) fds.push_back(door.get());
  const int error = send_packet(control_.get(), setup.data(), setup.size(), fds);
  if (error != 0) return failure(ErrorKind::internal, host::because("sending the setup", error));
  return childs_end;
}

void StartJob::spawned(Result<KeeperAnswer>&& answer) {
  // Then a process may exist nevertheless: fail() asks again.
  if (!answer) return fail(answer.error().kind, answer.error().message);
  const int error = answer->reply.error;
  if (answer->reply.state != keeper_none) sandbox_->child = Child::make(context_, std::move(*answer));
  if (error != 0) {
    const std::string what =
        into_cgroup_ && may_be_of_cgroup(error)
            ? "config.linux.cgroup_parent: making its pause process in cgroup " + plan_.cgroup
            : "the keeper's making its pause process";
    return fail(kind_of_spawn_error(error), host::because(what, error));
  }
  if (give_up_if_cancelled()) return;
  const auto score = host::set_oom_score_adj(sandbox_->child->identity().pid, plan_.oom_score_adj);
  if (!score) return fail(score.error().kind, score.error().message);
  sandbox_->oom_score_adj = *score;
  // While it sets itself up: told to stay, it may outlive us and its keeper before the next record is
  // written.
  if (auto written = context_.records.write(spec_->id, record(false)); !written) {
    return fail(written.error().kind, written.error().message);
  }
  await_report();
}

void StartJob::await_report() {
  awaits_report_ = true;
  deadline_ = context_.loop.after(context_.settings.deadline, [self = shared_from_this()] {
    self->deadline_.reset();
    self->fail(ErrorKind::unavailable, "its pause process has not set itself up in time");
  });
  control_watch_ = context_.loop.watch(control_.get(), [self = shared_from_this()] { self->report_came(); });
  if (!control_watch_) fail(ErrorKind::resource_exhausted, host::because("watching its pause process"));
}

void StartJob::report_came() {
  PauseReport report{};
  const Received received = receive_packet(control_.get(), &report, sizeof report);
  if (received.error == EAGAIN) return;
  awaits_report_ = false;
  if (received.error != 0 || report.magic != pause_magic) {
    return fail(ErrorKind::internal, "its pause process ended before it was set up");
  }
  if (report.error != 0) {
    return fail(kind_of_step_error(report),
                host::because(describe_step(report.step, report.item, plan_), report.error));
  }
  context_.loop.unwatch(*std::exchange(control_watch_, std::nullopt));
  context_.loop.cancel(*std::exchange(deadline_, std::nullopt));
  enter_scope();
}

void StartJob::enter_scope() {
  if (plan_.cgroup.empty() || makes_cgroup()) return commit();
  // Not earlier: until the pod's files are made, what there is under this id may be another controller's.
  sandbox_->cgroup_parent = plan_.cgroup_parent;
  sandbox_->cgroup = plan_.cgroup;
  if (auto written = context_.records.write(spec_->id, record(false)); !written) {
    return fail(written.error().kind, written.error().message);
  }
  const int pid = sandbox_->child->identity().pid;
  host::run_aside(
      context_.loop,
      [makers = context_.cgroups, spec = spec_, pid] {
        return enter_sandbox_scope(makers, spec->config->linux().cgroup_parent(), spec->id, pid);
      },
      [self = shared_from_this()](Result<Done>&& entered) {
        if (!entered) {
          if (entered.error().kind == ErrorKind::already_exists) self->sandbox_->cgroup.clear();
          return self->fail_of_cgroup(entered.error());
        }
        if (!self->give_up_if_cancelled()) self->commit();
      });
}

// In this order: of one that may stay but has no record yet, whoever comes after us knows by the keeper.
void StartJob::commit() {
  if (context_.shims.serves(*spec_)) {
    if (auto opened = context_.shims.open(spec_->id); !opened) {
      return fail(opened.error().kind, opened.error().message);
    }
  }
  const PauseGo go{pause_magic};
  if (const int error = send_packet(control_.get(), &go, sizeof go); error != 0) {
    return fail(ErrorKind::internal, host::because("telling its pause process to stay", error));
  }
  if (auto written = context_.records.write(spec_->id, record(true)); !written) {
    return fail(written.error().kind, written.error().message);
  }
  control_.reset();
  const auto child = sandbox_->child;
  finish(describe());
  child->set_started();
}

void StartJob::cancel() {
  cancelled_ = true;
  if (done_ && may_stop_at_once()) give_up_if_cancelled();
}

// What is being waited for can be abandoned.
bool StartJob::may_stop_at_once() {
  auto opening = Stage::opening;
  return awaits_report_ || (stage_ && stage_->compare_exchange_strong(opening, Stage::abandoned));
}

bool StartJob::give_up_if_cancelled() {
  if (!cancelled_) return false;
  fail(ErrorKind::aborted, "it is being cleaned up");
  return true;
}

void StartJob::fail(ErrorKind kind, const std::string& why) {
  awaits_report_ = false;
  if (control_watch_) context_.loop.unwatch(*std::exchange(control_watch_, std::nullopt));
  if (deadline_) context_.loop.cancel(*std::exchange(deadline_, std::nullopt));
  control_.reset();
  if (!spawn_asked_ && sandbox_->empty()) return finish(failure(kind, why));
  remove_sandbox(context_, sandbox_, runtime::Extent::everything,
                 [self = shared_from_this(), kind, why](Result<Done> removed) {
                   const auto rest =
                       removed ? "" : "; and then removing what there was of it: " + removed.error().message;
                   self->finish(failure(kind, why + rest));
                 });
}

void StartJob::fail_of_cgroup(const Error& error) {
  fail(error.kind, "config.linux.cgroup_parent: " + error.message);
}

void StartJob::finish(Result<Started> result) {
  const auto answer = std::exchange(answer_, nullptr);
  const auto done = std::exchange(done_, nullptr);
  answer(std::move(result));
  done();
}

Started StartJob::describe() const {
  const auto& identity = sandbox_->child->identity();
  Started started;
  started.pid = static_cast<std::uint32_t>(identity.pid);
  started.start_time = identity.start_time;
  started.created_at =
      Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(identity.created_ns)));
  started.labels = start_labels(*spec_);
  started.spec = runtime_spec(*spec_, plan_, sandbox_->oom_score_adj);
  if (context_.shims.serves(*spec_)) {
    started.task_address = context_.shims.address(spec_->id);
    started.task_version = Shims::version;
  }
  return started;
}

host::ProcessRecord StartJob::record(bool started) const {
  host::ProcessRecord record;
  record.boot_id = context_.host.boot_id;
  if (sandbox_->child) {
    const auto& identity = sandbox_->child->identity();
    record.pid = identity.pid;
    record.start_time = identity.start_time;
    record.created_ns = identity.created_ns;
  }
  record.started = started;
  record.cgroup = sandbox_->cgroup;
  record.cgroup_parent = sandbox_->cgroup_parent;
  record.files = sandbox_->files != host::PodFiles::none;
  record.oom_score_adj = sandbox_->oom_score_adj;
  return record;
}

}  // namespace podsandbox::linux_runtime
