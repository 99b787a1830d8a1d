#pragma once

#include <chrono>
#include <cstddef>

#include "actors/supervisor/backoff.hpp"

namespace podsandbox {

/// The figures that actors go by; the defaults are the configuration's.
struct Settings {
  std::chrono::nanoseconds start_timeout = std::chrono::seconds(60);
  std::chrono::nanoseconds kill_timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds cleanup_timeout = std::chrono::seconds(10);
  BackoffSchedule backoff;
  std::size_t events_kept = 4096;
};

}  // namespace podsandbox
