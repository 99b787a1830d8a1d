#include "services/containerd/runtime/exits.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include "messages/failpoint.hpp"
#include "messages/log.hpp"
#include "proto/containerd_task_events.pb.h"
#include "services/containerd/runtime/task_end.hpp"
#include "services/host/aside_flow.hpp"
#include "services/host/process_facts.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using host::Flow;
using Clock = std::chrono::steady_clock;
namespace types = ::containerd::v1::types;

constexpr const char* kubernetes_namespace = "k8s.io";
constexpr const char* filter = R"(topic=="/tasks/exit",namespace=="k8s.io")";
constexpr auto listen_again_after = std::chrono::milliseconds(200);

// The event is mostly there by then.
constexpr auto event_time = std::chrono::milliseconds(10);
constexpr auto longest_pause = std::chrono::milliseconds(500);
// A task may be forgotten before its event has come all the way.
constexpr auto last_event_time = std::chrono::milliseconds(200);
// For a shim to say that its process has ended.
constexpr auto shim_time = std::chrono::seconds(10);

// What of it makes sense.
std::optional<Task> exit_event(const ::containerd::types::Envelope& envelope) {
  if (envelope.namespace_() != kubernetes_namespace) return std::nullopt;
  ::containerd::events::TaskExit event;
  if (!envelope.event().type_url().ends_with("containerd.events.TaskExit") ||
      !event.ParseFromString(envelope.event().value()) || event.id() != event.container_id()) {
    return std::nullopt;
  }
  Task task;
  task.set_container_id(event.container_id());
  task.set_pid(event.pid());
  task.set_status(types::STOPPED);
  task.set_exit_status(event.exit_status());
  *task.mutable_exited_at() = event.exited_at();
  return task;
}

bool is_of(const Task& task, const Sandbox& sandbox) {
  return sandbox.has_process() && task.pid() == static_cast<std::uint32_t>(sandbox.record->pid);
}

// Of its process nobody has said yet how it ended, but ended it has.
bool is_dead(const Sandbox& sandbox) {
  return sandbox.has_process() && !sandbox.exit && (!sandbox.process || sandbox.process->has_ended());
}

}  // namespace

Exits::Exits(host::Loop& loop, host::Flows& flows, const Api& api, containerd_client::Connection& connection,
             const Sandboxes& sandboxes, std::chrono::nanoseconds look_every)
    : loop_(loop),
      flows_(flows),
      api_(api),
      connection_(connection),
      sandboxes_(sandboxes),
      look_every_(look_every) {
  loop_.post([this] {
    listen();
    look_regularly();
  });
}

void Exits::listen() {
  subscription_ = connection_.subscribe(
      {filter},
      [this, poster = loop_.poster()](::containerd::types::Envelope envelope) {
        poster.post([this, envelope = std::move(envelope)] { heard(envelope); });
      },
      [this, poster = loop_.poster()](const Error& /*why*/) {
        poster.post([this] { loop_.after(listen_again_after, [this] { listen(); }); });
      });
  look();  // at what nobody told while nobody listened
}

void Exits::heard(const ::containerd::types::Envelope& envelope) {
  const auto task = exit_event(envelope);
  if (!task) return;
  const auto sandbox = sandboxes_.find(task->container_id());
  if (sandbox && is_of(*task, *sandbox)) ended(sandbox, exit_of(*task));
}

void Exits::look() {
  for (const auto& [id, sandbox] : sandboxes_.all()) {
    if (is_dead(*sandbox)) ask(sandbox);
  }
}

void Exits::look_regularly() {
  loop_.after(look_every_, [this] {
    look();
    look_regularly();
  });
}

void Exits::subscribe(host::Runtime::Subscriber subscriber) {
  subscriber_ = std::move(subscriber);
  if (!subscriber_) return;
  for (const auto& [id, sandbox] : sandboxes_.all()) {
    if (sandbox->has_process() && sandbox->exit) subscriber_(sandbox->describe());
  }
}

void Exits::watch(const SandboxPtr& sandbox) {
  if (!sandbox->process) return ask(sandbox);
  sandbox->process->when_ended([this, weak = std::weak_ptr(sandbox)] {
    const auto known = weak.lock();
    if (known && is_dead(*known)) ask(known);
  });
  watch_shim(sandbox);
}

// Without its shim containerd ends the process, by a program that it has to start first: the pod is not to
// look alive until then.
void Exits::watch_shim(const SandboxPtr& sandbox) {
  const auto process = host::read_stat(sandbox->record->pid);
  const auto parent = process ? host::read_stat(process->parent) : std::nullopt;
  if (!parent || !parent->name.starts_with("containerd-shim")) return;  // not of a kind that we know
  sandbox->shim = WatchedProcess::open(loop_, process->parent, parent->start_time);
  if (!sandbox->shim) return;
  sandbox->shim->when_ended([weak = std::weak_ptr(sandbox)] {
    const auto known = weak.lock();
    if (!known || !known->process || known->process->has_ended()) return;
    log::warn("containerd", known->id, "its shim has died; its pause process is killed");
    known->process->kill(SIGKILL);
  });
}

void Exits::ended(const SandboxPtr& sandbox, const Exit& exit) {
  if (!sandbox->has_process() || sandbox->exit) return;
  failpoint("exit is seen");
  sandbox->exit = exit;
  if (subscriber_) subscriber_(sandbox->describe());
}

void Exits::ask(const SandboxPtr& sandbox) {
  if (sandbox->asking || sandbox->exit) return;
  const auto status = sandbox->process ? sandbox->process->exit_status() : std::nullopt;
  if (status) return ended(sandbox, {*status, std::chrono::system_clock::now()});
  sandbox->asking = true;
  flows_.start(find_out(sandbox));
}

Flow<void> Exits::find_out(SandboxPtr sandbox) {
  const Exit unknown{unknown_exit_code, std::chrono::system_clock::now()};
  const int pid = sandbox->record->pid;
  const auto until = Clock::now() + shim_time;
  const auto is_wanted = [&] {
    return sandbox->has_process() && sandbox->record->pid == pid && !sandbox->exit;
  };
  bool forgotten = false;
  Clock::duration pause = event_time;
  for (;;) {
    auto waiting = host::pause_for(loop_, pause);
    co_await waiting;
    if (!is_wanted()) break;
    auto asking = api_.get_task(sandbox->id);
    const auto task = co_await asking;
    if (!is_wanted()) break;
    pause = std::min<Clock::duration>(pause * 2, longest_pause);
    if (task && task->status() == types::STOPPED && is_of(*task, *sandbox)) {
      ended(sandbox, exit_of(*task));
    } else if (!task && task.error().kind == ErrorKind::not_found) {
      if (std::exchange(forgotten, true)) {
        log::warn("containerd", sandbox->id, "it has ended and containerd has forgotten how");
        ended(sandbox, unknown);
      }
      pause = last_event_time;
    } else if (task && Clock::now() > until) {
      log::warn("containerd", sandbox->id, "it has ended and its shim does not say how");
      ended(sandbox, unknown);
    }
  }
  sandbox->asking = false;
  if (is_dead(*sandbox)) ask(sandbox);  // another one meanwhile
}

}  // namespace podsandbox::containerd_runtime
