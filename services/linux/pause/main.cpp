// Pause: the first process of a sandbox. It makes the sandbox's namespaces, gives up everything that it may
// do, and holds them until it is told to end.

#include <sys/prctl.h>

#include "services/linux/pause/setup.hpp"

int main() {
  using namespace podsandbox::linux_runtime;
  prctl(PR_SET_NAME, "pause", 0, 0, 0);
  pause::block_signals();
  pause::Request request{};
  const PauseReport report = pause::set_up(&request);
  if (!pause::tell(report) || report.error != 0) return 1;
  pause::wait_for_end();
  return 0;
}
