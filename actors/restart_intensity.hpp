#pragma once

#include <chrono>
#include <deque>

namespace podsandbox {

/// How often something may be restarted before one has to conclude that restarting does not help: at most
/// `limit` times within any window of length `period`. Pure: the caller brings the time.
class RestartIntensity {
 public:
  using Clock = std::chrono::steady_clock;

  RestartIntensity(std::size_t limit, Clock::duration period) : limit_(limit), period_(period) {}

  /// Counts a restart at `now` (never earlier than the last one); false when it is one too many.
  bool allow(Clock::time_point now) {
    while (!restarts_.empty() && now - restarts_.front() >= period_) restarts_.pop_front();
    if (restarts_.size() >= limit_) return false;
    restarts_.push_back(now);
    return true;
  }

 private:
  std::size_t limit_;
  Clock::duration period_;
  std::deque<Clock::time_point> restarts_;
};

}  // namespace podsandbox
