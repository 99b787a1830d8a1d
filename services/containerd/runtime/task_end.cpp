#include "services/containerd/runtime/task_end.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>

#include "messages/log.hpp"
#include "services/containerd/runtime/hooks.hpp"
#include "services/host/aside_flow.hpp"
#include "services/host/shim.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using host::Flow;
using Clock = std::chrono::steady_clock;
namespace types = ::containerd::v1::types;

constexpr auto first_pause = std::chrono::milliseconds(5);
constexpr auto time_to_appear = std::chrono::seconds(1);
constexpr auto least_time = std::chrono::seconds(1);
constexpr auto longest_pause = std::chrono::milliseconds(200);

bool may_be_deleted(const Task& task, const Sandbox& sandbox) {
  // What its shim does not say is UNKNOWN.
  const bool dead = sandbox.process && sandbox.process->has_ended();
  return task.status() == types::STOPPED || (task.status() == types::UNKNOWN && dead) ||
         (task.status() == types::CREATED && task.pid() == 0);
}

class TaskEnd {
 public:
  TaskEnd(const Context& context, SandboxPtr sandbox)
      : context_(context),
        sandbox_(std::move(sandbox)),
        until_(Clock::now() + context.settings.removal_deadline) {}

  Flow<Result<Done>> run();

 private:
  Flow<Result<bool>> stop();
  Flow<Result<bool>> is_gone();
  Flow<Result<Done>> remove();
  const std::string& id() const { return sandbox_->id; }
  /// For all of it together, so that it is over before whoever asked has given up; but for each call
  /// something.
  std::chrono::milliseconds time_left() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - Clock::now());
    return std::max<std::chrono::milliseconds>(left, least_time);
  }

  const Context& context_;
  const SandboxPtr sandbox_;
  const Clock::time_point until_;
  const Clock::time_point lost_at_ = Clock::now() + time_to_appear;  // a shim that has no task by then
};

// Stopped, or there is none: false.
Flow<Result<bool>> TaskEnd::stop() {
  const auto& process = sandbox_->process;
  if (process && !process->has_ended()) process->kill(SIGKILL);
  for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
    auto asking = context_.api.get_task(id());
    const auto task = co_await asking;
    if (!task && task.error().kind == ErrorKind::not_found) {
      auto looking = is_gone();
      const auto gone = co_await looking;
      if (!gone || *gone) co_return gone.map([](bool) { return false; });
    } else if (!task) {
      co_return failure(task.error().kind, "asking for its task: " + task.error().message);
    } else if (may_be_deleted(*task, *sandbox_)) {
      if (task->status() == types::STOPPED) context_.ended(sandbox_, exit_of(*task));
      co_return true;
    } else if (!process) {
      auto killing = context_.api.kill_task(id(), SIGKILL);
      co_await killing;  // what came of it is seen
    }
    if (Clock::now() > until_) co_return failure(ErrorKind::unavailable, "its task does not end");
    auto waiting = host::pause_for(context_.loop, pause);
    co_await waiting;
  }
}

// A start that was cut off may still be under way in containerd: then there is a shim already. Or containerd
// died while it made one, and will never know of it.
Flow<Result<bool>> TaskEnd::is_gone() {
  if (sandbox_->started()) co_return true;
  const auto sockets = host::shim_sockets(context_.settings.containerd_address, id());
  auto trying =
      host::aside(context_.loop, [sockets]() -> Result<bool> { return host::shim_listens(sockets); });
  const auto listens = co_await trying;
  if (!listens) co_return listens;
  if (!*listens) co_return true;
  if (Clock::now() < lost_at_) co_return false;
  log::warn("containerd", id(), "containerd does not know of its shim: it is ended without it");
  auto ending = host::aside(context_.loop, [sockets, id = id(), limit = time_left() / 2] {
    return host::end_lost_shim(sockets, id, limit);
  });
  const auto ended = co_await ending;
  co_return ended.map([](const Done&) { return true; });
}

// Also where there seems to be none: containerd forgets a task whose deletion was cut off before it has told
// the shim to end, and only this tells it again. A shim that goes meanwhile is soon seen to be gone.
Flow<Result<Done>> TaskEnd::remove() {
  for (auto pause = first_pause;; pause *= 2) {
    auto removing = context_.api.delete_task(id(), time_left());
    const auto removed = co_await removing;
    if (removed || removed.error().kind == ErrorKind::not_found) co_return Done{};
    const bool shim_has_gone = removed.error().message.ends_with("ttrpc: closed");
    if (!shim_has_gone || pause > longest_pause * 2) {
      co_return failure(removed.error().kind, "removing its task: " + removed.error().message);
    }
    auto waiting = host::pause_for(context_.loop, pause);
    co_await waiting;
  }
}

Flow<Result<Done>> TaskEnd::run() {
  auto stopping = stop();
  const auto stopped = co_await stopping;
  if (!stopped) co_return tl::unexpected<Error>(stopped.error());
  if (*stopped) {
    auto hooks = run_delete_hooks(context_, sandbox_);
    co_await hooks;
  }
  auto removing = remove();
  auto removed = co_await removing;
  // Nobody can tell any more.
  if (removed) context_.ended(sandbox_, {unknown_exit_code, std::chrono::system_clock::now()});
  co_return removed;
}

}  // namespace

Exit exit_of(const Task& task) {
  using google::protobuf::util::TimeUtil;
  const auto at = std::chrono::nanoseconds(TimeUtil::TimestampToNanoseconds(task.exited_at()));
  const bool is_told = task.has_exited_at() && at.count() > 0;
  return {task.exit_status(),
          is_told ? Time(std::chrono::duration_cast<Time::duration>(at)) : std::chrono::system_clock::now()};
}

Flow<Result<Done>> end_task(const Context& context, SandboxPtr sandbox) {
  TaskEnd end(context, std::move(sandbox));
  auto running = end.run();
  co_return co_await running;
}

}  // namespace podsandbox::containerd_runtime
