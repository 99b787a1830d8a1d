#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace podsandbox::api {

/// Counts the RPCs whose answers gRPC has not yet written out. Thread-safe.
class InFlight {
 public:
  /// One RPC, for as long as this lives.
  class Guard {
   public:
    explicit Guard(InFlight& counter) : counter_(counter), round_(counter.add()) {}
    ~Guard() { counter_.remove(round_); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    InFlight& counter_;
    const std::uint64_t round_;
  };

  /// Returns when all that are in flight now have ended, or after `limit`; false when some have not then.
  /// Later ones are not waited for: a client that is refused and asks again at once would be waited for
  /// without end.
  bool wait_for_all(std::chrono::nanoseconds limit) {
    std::unique_lock lock(mutex_);
    const auto next = ++round_;
    return ended_.wait_for(lock, limit, [&] { return counts_.empty() || counts_.begin()->first >= next; });
  }

 private:
  std::uint64_t add() {
    const std::lock_guard lock(mutex_);
    ++counts_[round_];
    return round_;
  }

  void remove(std::uint64_t round) {
    const std::lock_guard lock(mutex_);
    const auto it = counts_.find(round);
    if (--it->second > 0) return;
    counts_.erase(it);
    ended_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  std::uint64_t round_ = 0;                      // counts the waits
  std::map<std::uint64_t, std::size_t> counts_;  // of the RPCs that began in each round
};

}  // namespace podsandbox::api
