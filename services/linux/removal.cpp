#include "services/linux/removal.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include "services/host/aside.hpp"
#include "services/host/pod_files.hpp"
#include "services/host/system_error.hpp"
#include "services/linux/shims/shims.hpp"

namespace podsandbox::linux_runtime {

namespace {

class Removal : public std::enable_shared_from_this<Removal> {
 public:
  Removal(const Context& context, SandboxPtr sandbox, runtime::Extent extent,
          std::function<void(Result<Done>)> done)
      : context_(context), sandbox_(std::move(sandbox)), extent_(extent), done_(std::move(done)) {}

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
    if (extent_ == runtime::Extent::task)
      return fail(ErrorKind::failed_precondition, describe(*child) + " still runs");
    const int error = child->kill(SIGKILL);
    if (error != 0 && error != ESRCH) {
      return fail(ErrorKind::internal, host::because("killing " + describe(*child), error));
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
    if (!kept_) return remove_from_file_systems();
    context_.keeper.reap(sandbox_->id, sandbox_->child->identity().pid,
                         [self = shared_from_this()](Result<KeeperAnswer>&& answer) {
                           if (!answer) return self->fail(answer.error().kind, answer.error().message);
                           const int error = answer->reply.error;
                           if (error != 0 && error != ENOENT) {
                             return self->fail(ErrorKind::internal,
                                               host::because("the keeper's reaping", error));
                           }
                           self->remove_from_file_systems();
                         });
  }

  void remove_from_file_systems() {
    sandbox_->child.reset();
    if (sandbox_->cgroup.empty() && sandbox_->files == host::PodFiles::none) return end_shim();
    host::run_aside(
        context_.loop,
        [makers = context_.cgroups, settings = context_.settings, id = sandbox_->id, extent = extent_,
         cgroup = sandbox_->cgroup, files = sandbox_->files]() -> Result<Done> {
          if (!cgroup.empty()) {
            if (auto removed = remove_sandbox_cgroup(makers, cgroup, id); !removed) return removed;
          }
          if (files == host::PodFiles::none) return Done{};
          return extent == runtime::Extent::task
                     ? host::unmount_pod_shm(settings.cri, settings.owner(), id, files)
                     : host::remove_pod_files(settings.cri, settings.owner(), id, files);
        },
        [self = shared_from_this()](Result<Done>&& removed) {
          if (!removed) return self->fail(removed.error().kind, removed.error().message);
          self->sandbox_->cgroup.clear();
          if (self->extent_ == runtime::Extent::everything) self->sandbox_->files = host::PodFiles::none;
          self->end_shim();
        });
  }

  // Last: only then is there nothing more that a container could use.
  void end_shim() {
    if (extent_ == runtime::Extent::task) return update_record();
    context_.shims.end(sandbox_->id, [self = shared_from_this()](Result<Done> ended) {
      if (!ended) return self->fail(ended.error().kind, ended.error().message);
      self->update_record();
    });
  }

  void update_record() {
    if (sandbox_->recorded) {
      const bool files = sandbox_->files != host::PodFiles::none;
      const auto updated = files ? context_.records.write(sandbox_->id, stopped_record())
                                 : context_.records.remove(sandbox_->id);
      if (!updated) return fail(updated.error().kind, updated.error().message);
      sandbox_->recorded = files;
    }
    if (!sandbox_->recorded) sandbox_->cgroup_parent.clear();
    std::exchange(done_, nullptr)(Done{});
  }

  host::ProcessRecord stopped_record() const {
    host::ProcessRecord record;
    record.boot_id = context_.host.boot_id;
    record.started = sandbox_->files == host::PodFiles::ours;
    record.cgroup_parent = sandbox_->cgroup_parent;
    record.files = true;
    return record;
  }

  static std::string describe(const Child& child) {
    return "pause process " + std::to_string(child.identity().pid);
  }

  void fail(ErrorKind kind, const std::string& why) { std::exchange(done_, nullptr)(failure(kind, why)); }

  const Context& context_;
  const SandboxPtr sandbox_;
  const runtime::Extent extent_;
  std::function<void(Result<Done>)> done_;
  bool kept_ = false;  // the keeper has it
  std::optional<host::Loop::TimerId> deadline_;
};

}  // namespace

void remove_sandbox(const Context& context, SandboxPtr sandbox, runtime::Extent extent,
                    std::function<void(Result<Done>)> done) {
  std::make_shared<Removal>(context, std::move(sandbox), extent, std::move(done))->run();
}

}  // namespace podsandbox::linux_runtime
