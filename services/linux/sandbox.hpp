#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "messages/error.hpp"
#include "services/host/pod_directory.hpp"
#include "services/linux/child.hpp"

namespace podsandbox::linux_runtime {

class StartJob;

/// Something that waits for its turn with a sandbox. `run` gets a function to call when the next may have its
/// turn.
struct Turn {
  std::function<void(std::function<void()> done)> run;
  std::shared_ptr<StartJob> start;  ///< when it is a start: so that it can be given up
};

/// What exists of one sandbox. Lives on the loop.
struct Sandbox {
  std::string id;
  std::shared_ptr<Child> child;  ///< null: none, or none yet
  std::string cgroup;            ///< ours, to be removed; empty: none
  std::string cgroup_parent;     ///< the pod's; empty: none
  host::PodFiles files = host::PodFiles::none;
  int oom_score_adj = 0;  ///< of the child
  bool recorded = false;  ///< there may be a record of it

  std::deque<Turn> turns;          ///< in the order in which they were asked for
  std::shared_ptr<StartJob> busy;  ///< the start whose turn it is, if it is a start's
  bool taken = false;              ///< it is somebody's turn

  /// Nothing exists of it.
  bool empty() const { return !child && cgroup.empty() && files == host::PodFiles::none && !recorded; }
};

using SandboxPtr = std::shared_ptr<Sandbox>;

}  // namespace podsandbox::linux_runtime
