#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "services/host/loop.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::containerd_runtime {

/// A hold on a pause process, which is a shim's child, not ours: the kernel tells of its death at once, and a
/// signal never meets another process of the same pid. Lives on the loop.
class PauseProcess {
 public:
  /// The process `pid` if it is the one that started at `start_time`. Null when it is not there any more, or
  /// cannot be watched.
  static std::unique_ptr<PauseProcess> open(host::Loop& loop, int pid, std::uint64_t start_time);
  ~PauseProcess();
  PauseProcess(const PauseProcess&) = delete;
  PauseProcess& operator=(const PauseProcess&) = delete;

  bool has_ended() const;
  /// Returns 0 or an errno.
  int kill(int signal) const;
  /// Called once, on the loop, never from here; soon if it has ended, and then also if this is gone by then.
  void when_ended(std::function<void()> task);

 private:
  PauseProcess(host::Loop& loop, host::UniqueFd pidfd) : loop_(loop), pidfd_(std::move(pidfd)) {}

  host::Loop& loop_;
  const host::UniqueFd pidfd_;
  std::optional<host::Loop::WatchId> watch_;
  std::function<void()> at_end_;
};

}  // namespace podsandbox::containerd_runtime
