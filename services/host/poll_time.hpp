#pragma once

#include <algorithm>
#include <chrono>

namespace podsandbox::host {

/// What poll() is to wait at most, in milliseconds; 0: `until` has passed.
inline int poll_time(std::chrono::steady_clock::time_point until) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 1'000'000'000));
}

}  // namespace podsandbox::host
