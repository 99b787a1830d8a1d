#include "services/linux/start_job.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "proto/cri.pb.h"
#include "services/linux/aside.hpp"
#include "services/linux/cgroup_path.hpp"
#include "services/linux/check_supported.hpp"
#include "services/linux/network_namespace.hpp"
#include "services/linux/packet.hpp"
#include "services/linux/pause_protocol.hpp"
#include "services/linux/removal.hpp"
#include "services/linux/runtime_spec.hpp"
#include "services/linux/system_error.hpp"

namespace podsandbox::linux_runtime {

namespace {

const char* name_of(std::uint32_t step) {
  static constexpr std::array<const char*, pause_step_count> names{
      "running the pause program", "receiving its setup",  "making its namespaces",
      "joining netns_path",        "setting the hostname", "raising the loopback interface",
      "changing its root",         "dropping its groups",  "dropping its capabilities",
      "forbidding new privileges",
  };
  return step < names.size() ? names[step] : "an unknown step";
}

PauseSetup setup_for(const SandboxSpec& spec) {
  PauseSetup setup{};
  setup.magic = pause_magic;
  const auto network = spec.config->linux().security_context().namespace_options().network();
  if (network == ::runtime::v1::NODE) {
    setup.network = pause_network_host;
  } else {
    setup.network = spec.netns_path.empty() ? pause_network_own : pause_network_given;
    const std::string& hostname = spec.config->hostname();
    std::memcpy(setup.hostname, hostname.data(), hostname.size());  // checked: it fits
  }
  return setup;
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

}  // namespace

void StartJob::run(std::function<void()> done) {
  done_ = std::move(done);
  const std::string what = "starting sandbox " + spec_->id + ": ";
  if (cancelled_) return finish(failure(ErrorKind::aborted, what + "it is being cleaned up"));
  if (auto wrong = check_supported(*spec_, context_.host_name)) {
    return finish(tl::unexpected(std::move(*wrong)));
  }
  if (sandbox_->child && sandbox_->child->started()) return finish(describe());
  if (!sandbox_->empty()) {
    return finish(
        failure(ErrorKind::failed_precondition, what + "something is left of a former start; clean it up"));
  }
  open_network();
}

void StartJob::open_network() {
  if (spec_->netns_path.empty()) return spawn({});
  may_stop_at_once_ = true;
  run_aside(
      context_.loop, [id = spec_->id, path = spec_->netns_path] { return open_network_namespace(id, path); },
      [self = shared_from_this()](Result<UniqueFd>&& netns) {
        if (!self->answer_) return;  // given up meanwhile
        self->may_stop_at_once_ = false;
        if (!netns) return self->finish(tl::unexpected(netns.error()));
        self->spawn(std::move(*netns));
      });
}

void StartJob::spawn(UniqueFd netns) {
  auto childs_end = queue_setup(netns);
  if (!childs_end) return fail(childs_end.error().kind, childs_end.error().message);
  auto end = std::make_shared<UniqueFd>(std::move(*childs_end));
  context_.with_keeper([self = shared_from_this(), end](Result<Done> ready) {
    if (!ready) return self->fail(ready.error().kind, ready.error().message);
    if (self->give_up_if_cancelled()) return;
    self->spawn_asked_ = true;
    self->context_.keeper.spawn(self->spec_->id, std::move(*end),
                                [self](Result<KeeperAnswer>&& answer) { self->spawned(std::move(answer)); });
  });
}

// Makes the socket pair with the setup already in it and returns the child's end.
Result<UniqueFd> StartJob::queue_setup(const UniqueFd& netns) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return failure(ErrorKind::resource_exhausted, because("making a socket pair"));
  }
  control_.reset(ends[0]);
  UniqueFd childs_end(ends[1]);
  const PauseSetup setup = setup_for(*spec_);
  const int error = send_packet(control_.get(), &setup, sizeof setup, netns.get());
  if (error != 0) return failure(ErrorKind::internal, because("sending the setup", error));
  return childs_end;
}

void StartJob::spawned(Result<KeeperAnswer>&& answer) {
  // Then a process may exist nevertheless: fail() asks again.
  if (!answer) return fail(answer.error().kind, answer.error().message);
  const int error = answer->reply.error;
  if (answer->reply.state != keeper_none) sandbox_->child = Child::make(context_, std::move(*answer));
  if (error != 0) {
    return fail(kind_of_spawn_error(error), because("the keeper's making its pause process", error));
  }
  if (give_up_if_cancelled()) return;
  await_report();
}

void StartJob::await_report() {
  may_stop_at_once_ = true;
  deadline_ = context_.loop.after(context_.settings.deadline, [self = shared_from_this()] {
    self->deadline_.reset();
    self->fail(ErrorKind::unavailable, "its pause process has not set itself up in time");
  });
  control_watch_ = context_.loop.watch(control_.get(), [self = shared_from_this()] { self->report_came(); });
  if (!control_watch_) fail(ErrorKind::resource_exhausted, because("watching its pause process"));
}

void StartJob::report_came() {
  PauseReport report{};
  const Received received = receive_packet(control_.get(), &report, sizeof report);
  if (received.error == EAGAIN) return;
  may_stop_at_once_ = false;
  if (received.error != 0 || report.magic != pause_magic) {
    return fail(ErrorKind::internal, "its pause process ended before it was set up");
  }
  if (report.error != 0) {
    return fail(ErrorKind::internal, because(name_of(report.step), report.error));
  }
  context_.loop.unwatch(*std::exchange(control_watch_, std::nullopt));
  context_.loop.cancel(*std::exchange(deadline_, std::nullopt));
  enter_cgroups();
}

void StartJob::enter_cgroups() {
  const std::string& parent = spec_->config->linux().cgroup_parent();
  if (parent.empty()) return commit();
  sandbox_->cgroup_parent = *clean_cgroup_path(parent);
  sandbox_->cgroup = sandbox_->cgroup_parent + "/" + spec_->id;
  // Before it exists: whoever comes after us must know what to remove.
  sandbox_->recorded = true;
  if (auto written = context_.records.write(spec_->id, record(false)); !written) {
    return fail(written.error().kind, written.error().message);
  }
  const int pid = sandbox_->child->identity().pid;
  run_aside(
      context_.loop,
      [mounts = context_.cgroups, cgroup = sandbox_->cgroup, pid] {
        return enter_cgroup(mounts, cgroup, pid);
      },
      [self = shared_from_this()](Result<Done>&& entered) {
        if (!entered) {
          return self->fail(entered.error().kind, "config.linux.cgroup_parent: " + entered.error().message);
        }
        if (!self->give_up_if_cancelled()) self->commit();
      });
}

// In this order: of one that may stay but has no record yet, whoever comes after us knows by the keeper.
void StartJob::commit() {
  const PauseGo go{pause_magic};
  if (const int error = send_packet(control_.get(), &go, sizeof go, -1); error != 0) {
    return fail(ErrorKind::internal, because("telling its pause process to stay", error));
  }
  sandbox_->recorded = true;
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
  if (done_ && may_stop_at_once_) give_up_if_cancelled();
}

bool StartJob::give_up_if_cancelled() {
  if (!cancelled_) return false;
  fail(ErrorKind::aborted, "it is being cleaned up");
  return true;
}

void StartJob::fail(ErrorKind kind, const std::string& why) {
  may_stop_at_once_ = false;
  if (control_watch_) context_.loop.unwatch(*std::exchange(control_watch_, std::nullopt));
  if (deadline_) context_.loop.cancel(*std::exchange(deadline_, std::nullopt));
  control_.reset();
  const std::string message = "starting sandbox " + spec_->id + ": " + why;
  if (!spawn_asked_ && sandbox_->empty()) return finish(failure(kind, message));
  remove_sandbox(context_, sandbox_, true, [self = shared_from_this(), kind, message](Result<Done> removed) {
    self->finish(failure(kind, removed ? message : message + "; and then " + removed.error().message));
  });
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
  started.labels = {{"oci_runtime_type", spec_->runtime_name}, {"selinux_label", ""}};
  started.spec = runtime_spec(*spec_, sandbox_->cgroup);
  return started;
}

ProcessRecord StartJob::record(bool started) const {
  const auto& identity = sandbox_->child->identity();
  return {context_.boot_id, identity.pid,     identity.start_time,    identity.created_ns,
          started,          sandbox_->cgroup, sandbox_->cgroup_parent};
}

}  // namespace podsandbox::linux_runtime
