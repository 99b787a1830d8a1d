#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace podsandbox {

/// How long to wait after the n-th failure in a row: `initial`, doubled each time, at most `max`, varied by
/// up to `jitter` (a fraction) either way so that what failed together does not come back together.
struct BackoffSchedule {
  using Duration = std::chrono::nanoseconds;

  Duration initial = std::chrono::seconds(1);
  Duration max = std::chrono::minutes(5);
  double jitter = 0.2;

  /// `failures` ≥ 1; `random` in [0, 1).
  Duration delay(unsigned failures, double random) const {
    Duration base = initial;
    for (unsigned i = 1; i < failures && base < max; ++i) base *= 2;
    base = std::min(base, max);
    return std::chrono::duration_cast<Duration>(base * (1.0 + jitter * (2.0 * random - 1.0)));
  }
};

/// The work of one sandbox that waits to be tried (again), in the order in which it came. Nothing is lost or
/// overtaken: the item being tried stays in front until it succeeded, what comes meanwhile queues behind it
/// and does not change when the next attempt is due. Pure: the caller brings time and chance.
template <class Item>
class BackoffQueue {
 public:
  using Clock = std::chrono::steady_clock;

  /// Adds an item, unless an equal one is there already.
  void push(Item item) {
    if (std::find(items_.begin(), items_.end(), item) == items_.end()) items_.push_back(std::move(item));
  }

  /// Goes on where an earlier queue was.
  void restore(std::deque<Item> items, std::optional<Clock::time_point> due, unsigned failures,
               std::string last_error) {
    items_ = std::move(items);
    due_ = due;
    failures_ = failures;
    last_error_ = std::move(last_error);
  }

  bool empty() const { return items_.empty(); }
  const std::deque<Item>& items() const { return items_; }
  const Item& front() const { return items_.front(); }

  /// True when the front item may be tried now.
  bool ready(Clock::time_point now) const { return !items_.empty() && (!due_ || *due_ <= now); }

  /// When the next attempt is due; nothing while no failure is being waited out.
  std::optional<Clock::time_point> due() const { return due_; }

  /// Failures of the front item in a row, and the last one's reason.
  unsigned failures() const { return failures_; }
  const std::string& last_error() const { return last_error_; }

  /// The front item is done; the next one may be tried at once.
  void succeeded() {
    items_.pop_front();
    reset();
  }

  /// The front item failed: it, and so all behind it, wait. Returns for how long.
  BackoffSchedule::Duration failed(const BackoffSchedule& schedule, Clock::time_point now, double random,
                                   std::string why) {
    const auto delay = schedule.delay(++failures_, random);
    due_ = now + std::chrono::duration_cast<Clock::duration>(delay);
    last_error_ = std::move(why);
    return delay;
  }

  /// The front item never got its chance (whoever tried it died): it may be tried at once.
  void retry_now() { due_.reset(); }

 private:
  void reset() {
    due_.reset();
    failures_ = 0;
    last_error_.clear();
  }

  std::deque<Item> items_;
  std::optional<Clock::time_point> due_;
  unsigned failures_ = 0;
  std::string last_error_;
};

}  // namespace podsandbox
