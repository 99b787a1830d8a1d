#pragma once

#include "services/linux/pause_protocol.hpp"

/// What a pause process does to itself before it is one.
namespace podsandbox::linux_runtime::pause {

/// What the steps work on.
struct Request {
  PauseSetup setup;
  const uint32_t* groups;
  const char* sysctls;
  int fds[pause_most_fds];  // that came with the setup
  uint32_t fd_count;
  int netns;           // one of them, or -1
  const int* cgroups;  // the others
  uint32_t item;       // what of the step is being worked on, for the report
};

/// One step: `run` returns 0 or an errno.
struct Step {
  PauseStep step;
  int (*run)(Request* request);
};

/// All steps in their order, from pause_receive (which fills the request) to pause_seccomp.
inline constexpr unsigned steps_count = pause_step_count - 1;
extern const Step steps[steps_count];

/// Runs them up to the first that fails, which the report then names; one with error 0 says that all are
/// done.
PauseReport set_up(Request* request);

/// Sends `report` to the daemon, waits for its go-ahead and closes the control socket. False when there is
/// none.
bool tell(const PauseReport& report);

/// The life of pid 1: reaps orphans until SIGTERM or SIGINT. `block_signals` must have been called before.
void wait_for_end();

/// Keeps the signals that `wait_for_end` takes pending until then: a pid 1 never even sees those it does not
/// block.
void block_signals();

}  // namespace podsandbox::linux_runtime::pause
