#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace podsandbox::api {

/// Counts the RPCs whose answers gRPC has not yet written out. Thread-safe.
class InFlight {
 public:
  /// One RPC, for as long as this lives.
  class Guard {
   public:
    explicit Guard(InFlight& counter) : counter_(counter) { counter_.add(); }
    ~Guard() { counter_.remove(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    InFlight& counter_;
  };

  /// Returns when there are none, or after `limit`; false when there are some then.
  bool wait_for_none(std::chrono::nanoseconds limit) {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, limit, [this] { return count_ == 0; });
  }

 private:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }

  void remove() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;
};

}  // namespace podsandbox::api
