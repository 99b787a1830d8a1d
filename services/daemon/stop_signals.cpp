#include "services/daemon/stop_signals.hpp"

#include <unistd.h>

#include <csignal>
#include <utility>

namespace podsandbox {

namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const auto set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
}

std::optional<std::string> StopSignals::wait() {
  const auto set = stop_set();
  int signal = 0;
  sigwait(&set, &signal);
  const std::lock_guard lock(mutex_);
  return failure_;
}

void StopSignals::give_up(std::string reason) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = std::move(reason);
  }
  kill(getpid(), SIGTERM);  // one way to end for all reasons
}

}  // namespace podsandbox
