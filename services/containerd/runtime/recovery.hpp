#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <string>

#include "services/containerd/runtime/context.hpp"

namespace podsandbox::containerd_runtime {

/// What a life of the daemon makes of what an earlier one has left. From our own records, at once: what runs
/// is watched, what was not finished is undone. And from containerd's, when it answers: they are all there is
/// where ours are lost, and what is in none of both is removed after a while. Lives on the loop.
class Recovery {
 public:
  /// Both must outlive it.
  Recovery(const Context& context, Sandboxes& sandboxes) : context_(context), sandboxes_(sandboxes) {}

  void begin();
  /// Calls back when there can be no sandbox but those that are known; with false when that takes long.
  void when_complete(std::function<void(bool)> task);

 private:
  using Clock = std::chrono::steady_clock;

  struct Orphan {
    Clock::time_point since;  // it was first seen
    bool told = false;
  };

  void take_up(const std::string& id, const host::ProcessRecord& record);
  void undo(const SandboxPtr& sandbox);
  host::Flow<void> run_undo(SandboxPtr sandbox);
  host::Flow<void> take_over();
  host::Flow<Result<Done>> take_over(Container container);
  host::Flow<void> sweep();
  void consider_orphan(const Container& container, Clock::time_point now);

  const Context& context_;
  Sandboxes& sandboxes_;
  bool knows_all_ = false;
  std::list<std::function<void(bool)>> waiting_;
  std::map<std::string, Orphan> orphans_;
};

}  // namespace podsandbox::containerd_runtime
