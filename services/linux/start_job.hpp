#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "services/linux/sandbox.hpp"
#include "services/linux/unique_fd.hpp"

namespace podsandbox::linux_runtime {

/// One start of a sandbox, from the checks to the answer. Lives on the loop.
class StartJob : public std::enable_shared_from_this<StartJob> {
 public:
  using Callback = std::function<void(Result<Started>)>;

  StartJob(const Context& context, SandboxPtr sandbox, SpecPtr spec, Callback answer)
      : context_(context), sandbox_(std::move(sandbox)), spec_(std::move(spec)), answer_(std::move(answer)) {}

  /// Its turn has come. `done` runs when the next may have its turn; the answer is given just before.
  void run(std::function<void()> done);

  /// Gives up: the answer becomes ABORTED and what was made is removed. Without effect once it has succeeded.
  void cancel();

 private:
  // The steps, in their order; each goes on with the next, or fails.
  void open_network();
  void spawn(UniqueFd netns);
  void spawned(Result<KeeperAnswer>&& answer);
  void await_report();
  void report_came();
  void enter_cgroups();
  void commit();

  Result<UniqueFd> queue_setup(const UniqueFd& netns);
  bool give_up_if_cancelled();
  void fail(ErrorKind kind, const std::string& why);
  void finish(Result<Started> result);
  Started describe() const;
  ProcessRecord record(bool started) const;

  const Context& context_;
  const SandboxPtr sandbox_;
  const SpecPtr spec_;
  Callback answer_;             // empty: answered
  std::function<void()> done_;  // empty: not its turn yet, or no more
  bool cancelled_ = false;
  bool may_stop_at_once_ = false;  // what is being waited for can be abandoned
  bool spawn_asked_ = false;       // the keeper may have made a process
  UniqueFd control_;               // our end of the pause process's
  std::optional<Loop::WatchId> control_watch_;
  std::optional<Loop::TimerId> deadline_;
};

}  // namespace podsandbox::linux_runtime
