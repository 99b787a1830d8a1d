#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

namespace podsandbox {

/// What ends the daemon: SIGTERM, SIGINT, or its own actors giving up. Made before any thread is started, so
/// that every thread has the signals blocked.
class StopSignals {
 public:
  StopSignals();

  /// Blocks until the daemon is to end. The reason if it is a failure, nothing if a signal asked for it.
  std::optional<std::string> wait();

  /// Ends the wait with a failure; the first reason counts. From any thread.
  void give_up(std::string reason);

 private:
  std::mutex mutex_;
  std::optional<std::string> failure_;
};

}  // namespace podsandbox
