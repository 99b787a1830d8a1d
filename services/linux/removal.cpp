#include "services/linux/removal.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include "services/linux/aside.hpp"
#include "services/linux/system_error.hpp"

namespace podsandbox::linux_runtime {

namespace {

class Removal : public std::enable_shared_from_this<Removal> {
 public:
  Removal(const Context& context, SandboxPtr sandbox, bool kill, std::function<void(Result<Done>)> done)
      : context_(context), sandbox_(std::move(sandbox)), kill_(kill), done_(std::move(done)) {}

  void run() {
    context_.with_keeper([self = shared_from_this()](Result<Done> ready) {
      if (!ready) return self->fail(ready.error().kind, ready.error().message);
      self->look();
    });
  }

 private:
  // What the keeper says counts: a start that was cut off may have left a process that nobody here knows.
  void look() {
    context_.keeper.look(sandbox_->id, [self = shared_from_this()](Result<KeeperAnswer>&& answer) {
      if (!answer) return self->fail(answer.error().kind, answer.error().message);
      const KeeperReply& reply = answer->reply;
      self->kept_ = reply.state != keeper_none;
      const auto& child = self->sandbox_->child;
      if (self->kept_ && (!child || child->identity().pid != reply.pid)) {
        self->sandbox_->child = Child::make(self->context_, std::move(*answer));
      }
      self->end_process();
    });
  }

  void end_process() {
    const auto child = sandbox_->child;
    if (!child || child->exit()) return reap();
    if (!kill_) return fail(ErrorKind::failed_precondition, describe(*child) + " still runs");
    const int error = child->kill(SIGKILL);
    if (error != 0 && error != ESRCH) {
      return fail(ErrorKind::internal, because("killing " + describe(*child), error));
    }
    deadline_ = context_.loop.after(context_.settings.deadline, [self = shared_from_this(), child] {
      self->deadline_.reset();
      self->fail(ErrorKind::unavailable, self->describe(*child) + " does not die of SIGKILL");
    });
    child->when_ended([self = shared_from_this()] {
      if (!self->deadline_) return;  // too late: that has been answered
      self->context_.loop.cancel(*std::exchange(self->deadline_, std::nullopt));
      self->reap();
    });
  }

  void reap() {
    if (!kept_) return remove_cgroups();
    context_.keeper.reap(sandbox_->id, sandbox_->child->identity().pid,
                         [self = shared_from_this()](Result<KeeperAnswer>&& answer) {
                           if (!answer) return self->fail(answer.error().kind, answer.error().message);
                           const int error = answer->reply.error;
                           if (error != 0 && error != ENOENT) {
                             return self->fail(ErrorKind::internal, because("the keeper's reaping", error));
                           }
                           self->remove_cgroups();
                         });
  }

  void remove_cgroups() {
    sandbox_->child.reset();
    if (sandbox_->cgroup.empty()) return remove_record();
    run_aside(
        context_.loop,
        [mounts = context_.cgroups, cgroup = sandbox_->cgroup] { return remove_cgroup(mounts, cgroup); },
        [self = shared_from_this()](Result<Done>&& removed) {
          if (!removed) return self->fail(removed.error().kind, removed.error().message);
          self->sandbox_->cgroup.clear();
          self->remove_record();
        });
  }

  void remove_record() {
    if (sandbox_->recorded) {
      const auto removed = context_.records.remove(sandbox_->id);
      if (!removed) return fail(removed.error().kind, removed.error().message);
      sandbox_->recorded = false;
    }
    sandbox_->cgroup_parent.clear();
    std::exchange(done_, nullptr)(Done{});
  }

  static std::string describe(const Child& child) {
    return "pause process " + std::to_string(child.identity().pid);
  }

  void fail(ErrorKind kind, const std::string& why) {
    std::exchange(done_, nullptr)(failure(kind, "removing sandbox " + sandbox_->id + ": " + why));
  }

  const Context& context_;
  const SandboxPtr sandbox_;
  const bool kill_;
  std::function<void(Result<Done>)> done_;
  bool kept_ = false;  // the keeper has it
  std::optional<Loop::TimerId> deadline_;
};

}  // namespace

void remove_sandbox(const Context& context, SandboxPtr sandbox, bool kill,
                    std::function<void(Result<Done>)> done) {
  std::make_shared<Removal>(context, std::move(sandbox), kill, std::move(done))->run();
}

}  // namespace podsandbox::linux_runtime
