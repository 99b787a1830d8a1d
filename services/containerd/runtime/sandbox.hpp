#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/runtime_port.hpp"
#include "services/containerd/runtime/watched_process.hpp"
#include "services/host/flow.hpp"
#include "services/host/process_record.hpp"

namespace podsandbox::containerd_runtime {

/// What a Start that has not finished is told when it shall give up. Lives on the loop.
class Cancellation {
 public:
  bool asked() const { return asked_; }
  void ask() {
    asked_ = true;
    for (const auto& task : std::exchange(tasks_, {})) task();
  }
  /// For what is being waited for and need not be.
  void when_asked(std::function<void()> task) { tasks_.push_back(std::move(task)); }

 private:
  bool asked_ = false;
  std::vector<std::function<void()>> tasks_;
};

/// What exists of one sandbox, as far as this daemon knows. Lives on the loop.
struct Sandbox {
  Sandbox(const host::Loop& loop, std::string of) : id(std::move(of)), turn(loop, 1) {}

  const std::string id;
  /// On the disk before what it tells of exists; none: nothing exists.
  std::optional<host::ProcessRecord> record;
  /// Its first process, if it was there when it was looked for; it may have ended.
  std::unique_ptr<WatchedProcess> process;
  /// How that ended, once it is known.
  std::optional<Exit> exit;
  /// Its parent, while it is watched.
  std::unique_ptr<WatchedProcess> shim;
  /// There may be the lease of its start.
  bool leased = true;
  /// Where its snapshot is, if its container was made in this life of the daemon.
  std::string snapshotter;
  /// How it ended is being found out.
  bool asking = false;

  host::Semaphore turn;  ///< requests for it take effect one at a time, in order
  unsigned users = 0;    ///< requests that have, or wait for, their turn
  std::list<std::shared_ptr<Cancellation>> starts;

  bool started() const { return record && record->started; }
  /// A started one's process, not cleaned up.
  bool has_process() const { return started() && record->pid != 0; }
  /// A started one's process and task have been removed.
  bool is_without_task() const { return started() && record->pid == 0; }
  runtime::Process describe() const {
    return {id, static_cast<std::uint32_t>(record->pid), record->start_time, exit};
  }
};

using SandboxPtr = std::shared_ptr<Sandbox>;

/// All sandboxes of which something exists or that somebody has asked something of.
class Sandboxes {
 public:
  explicit Sandboxes(const host::Loop& loop) : loop_(loop) {}

  SandboxPtr get(const std::string& id) {
    auto& sandbox = all_[id];
    if (!sandbox) sandbox = std::make_shared<Sandbox>(loop_, id);
    return sandbox;
  }
  /// Null when there is none.
  SandboxPtr find(const std::string& id) const {
    const auto it = all_.find(id);
    return it == all_.end() ? nullptr : it->second;
  }
  const std::map<std::string, SandboxPtr>& all() const { return all_; }

  /// Somebody wants to do something with it, until the last copy of what is returned is gone: only then may
  /// it be forgotten.
  std::shared_ptr<void> use(const SandboxPtr& sandbox) {
    ++sandbox->users;
    return {sandbox.get(), [this, sandbox](void*) {
              if (--sandbox->users == 0 && !sandbox->record) all_.erase(sandbox->id);
            }};
  }

 private:
  const host::Loop& loop_;
  std::map<std::string, SandboxPtr> all_;
};

}  // namespace podsandbox::containerd_runtime
