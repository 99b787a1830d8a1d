#pragma once

#include <sys/types.h>
#include <time.h>

#include <stdexcept>
#include <string>

#include "test/bench/quantiles.hpp"

namespace podsandbox::bench {

/// The processor time that a process has used so far. Other programs on the machine hardly change it, unlike
/// any time that passes.
inline Nanoseconds cpu_time(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    throw std::runtime_error("no processor time of process " + std::to_string(pid));
  }
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

}  // namespace podsandbox::bench
