#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "services/host/loop.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::containerd_runtime {

/// A hold on a process that is not our child, a pause or its shim: the kernel tells of its death at once, and
/// a signal never meets another process of the same pid. Lives on the loop.
class WatchedProcess {
 public:
  /// The process `pid` if it is the one that started at `start_time`. Null when it is not there any more, or
  /// cannot be watched.
  static std::unique_ptr<WatchedProcess> open(host::Loop& loop, int pid, std::uint64_t start_time);
  ~WatchedProcess();
  WatchedProcess(const WatchedProcess&) = delete;
  WatchedProcess& operator=(const WatchedProcess&) = delete;

  bool has_ended() const;
  /// How it ended, where the kernel still tells: as long as nobody has reaped it, or since Linux 6.15.
  std::optional<std::uint32_t> exit_status() const;
  /// Returns 0 or an errno.
  int kill(int signal) const;
  /// Called once, on the loop, never from here; soon if it has ended, and then also if this is gone by then.
  void when_ended(std::function<void()> task);

 private:
  WatchedProcess(host::Loop& loop, int pid, std::uint64_t start_time, host::UniqueFd pidfd)
      : loop_(loop), pid_(pid), start_time_(start_time), pidfd_(std::move(pidfd)) {}

  host::Loop& loop_;
  const int pid_;
  const std::uint64_t start_time_;
  const host::UniqueFd pidfd_;
  std::optional<host::Loop::WatchId> watch_;
  std::function<void()> at_end_;
};

}  // namespace podsandbox::containerd_runtime
