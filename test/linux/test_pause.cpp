// A pause program for tests only. It does what the real one does, and what its host name orders: "exit-N"
// exits with N, "crash-N" dies of a fault that raises signal N
// (SIGBUS or SIGSEGV); before it is set up: "fail-N" lets step N
// fail with EPERM, "vanish" exits, "mute" never reports, "slow" neither but ends when it is given
// up. Anything else: it waits as the real one.

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/linux/pause/setup.hpp"

namespace {

using namespace podsandbox::linux_runtime;

// The N of "<order>-N", or -1.
int ordered(const pause::Request& request, const char* order) {
  const char* text = request.setup.hostname;
  const size_t length = strlen(order);
  return strncmp(text, order, length) == 0 && text[length] == '-' ? atoi(text + length + 1) : -1;
}

int wait_until_nobody_waits() {
  char byte = 0;
  while (recv(pause_control_fd, &byte, 1, 0) > 0) {
  }
  return 1;
}

PauseReport set_up_as_ordered(pause::Request* request) {
  for (const pause::Step& step : pause::steps) {
    if (step.step == pause_seccomp && ordered(*request, "crash") >= 0) continue;  // it needs a few calls more
    const bool refused = ordered(*request, "fail") == static_cast<int>(step.step);
    const int error = refused ? EPERM : step.run(request);
    if (error != 0) return {pause_magic, step.step, error, request->item};
    if (strcmp(request->setup.hostname, "vanish") == 0) _exit(3);
    if (strcmp(request->setup.hostname, "slow") == 0) _exit(wait_until_nobody_waits());
    if (strcmp(request->setup.hostname, "mute") == 0) pause::wait_for_end();
  }
  return {pause_magic, pause_step_count, 0, 0};
}

// A pid 1 cannot be killed from within its namespace, but by a fault of its own it can.
void crash(int signal_number) {
  const rlimit no_core{};
  setrlimit(RLIMIT_CORE, &no_core);
  const int empty_file = memfd_create("empty", 0);
  void* beyond_its_end = mmap(nullptr, 1, PROT_WRITE, MAP_SHARED, empty_file, 0);
  volatile char* volatile nowhere = signal_number == SIGBUS ? static_cast<char*>(beyond_its_end) : nullptr;
  *nowhere = 1;
}

}  // namespace

int main() {
  pause::block_signals();
  pause::Request request{};
  const PauseReport report = set_up_as_ordered(&request);
  if (!pause::tell(report) || report.error != 0) return 1;
  if (ordered(request, "exit") >= 0) return ordered(request, "exit");
  if (ordered(request, "crash") >= 0) crash(ordered(request, "crash"));
  pause::wait_for_end();
  return 0;
}
