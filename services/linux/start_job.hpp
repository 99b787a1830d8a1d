#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "services/host/cgroup.hpp"
#include "services/host/namespaces.hpp"
#include "services/host/unique_fd.hpp"
#include "services/linux/plan.hpp"
#include "services/linux/sandbox.hpp"

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
  /// How far the preparation on its own thread is. Giving up while it only opens a path, which may hang, need
  /// not wait for it; it then makes nothing.
  enum class Stage { opening, making, abandoned };

  /// What is made before the process.
  struct Prepared {
    host::Namespaces namespaces;
    host::UniqueFd program;
    Result<host::CgroupDoors> cgroup;  ///< the last thing to be made
  };

  // The steps, in their order; each goes on with the next, or fails.
  void prepare();
  void prepared(Result<Prepared>&& prepared);
  void spawn(Prepared prepared);
  void spawned(Result<KeeperAnswer>&& answer);
  void await_report();
  void report_came();
  void enter_scope();
  void commit();

  bool makes_cgroup() const;
  Result<host::UniqueFd> queue_setup(const Prepared& prepared);
  bool give_up_if_cancelled();
  bool may_stop_at_once();
  void fail(ErrorKind kind, const std::string& why);
  void fail_of_cgroup(const Error& error);
  void finish(Result<Started> result);
  Started describe() const;
  host::ProcessRecord record(bool started) const;

  const Context& context_;
  const SandboxPtr sandbox_;
  const SpecPtr spec_;
  Plan plan_;
  Callback answer_;             // empty: answered
  std::function<void()> done_;  // empty: not its turn yet, or no more
  bool cancelled_ = false;
  bool awaits_report_ = false;
  bool spawn_asked_ = false;                   // the keeper may have made a process
  bool into_cgroup_ = false;                   // and was to make it in its cgroup
  std::shared_ptr<std::atomic<Stage>> stage_;  // null: nothing is being prepared
  host::UniqueFd control_;                     // our end of the pause process's
  std::optional<host::Loop::WatchId> control_watch_;
  std::optional<host::Loop::TimerId> deadline_;
};

}  // namespace podsandbox::linux_runtime
