#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace podsandbox::test {

/// What several threads found wrong, for the test's own thread to tell. Thread-safe.
class Complaints {
 public:
  void add(std::string what) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(what));
  }

  /// All that there are; they are forgotten here.
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(all_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> all_;
};

}  // namespace podsandbox::test
