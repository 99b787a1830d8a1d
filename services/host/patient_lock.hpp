#pragma once

#include <sys/file.h>

#include <chrono>
#include <thread>

namespace podsandbox::host {

/// Locks a file or a directory for us alone, or false: it is another's. Waits a second for that, as for a
/// moment another may be nobody: when a daemon is killed while it makes its keeper, that has the lock from
/// its fork to its exec.
inline bool lock_patiently(int fd) {
  constexpr int attempts = 100;
  constexpr auto pause = std::chrono::milliseconds(10);
  for (int i = 0; i < attempts; ++i) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    std::this_thread::sleep_for(pause);
  }
  return false;
}

}  // namespace podsandbox::host
