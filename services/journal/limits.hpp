#pragma once

#include <chrono>
#include <cstddef>

namespace podsandbox::journal {

/// How much of the event log is kept. The newest event always is: numbers go on behind it.
struct Limits {
  std::size_t events_kept = 4096;
  std::chrono::nanoseconds max_age = std::chrono::hours(24 * 7);
};

}  // namespace podsandbox::journal
