#include "services/containerd/runtime/watched_process.hpp"

#include <utility>

#include "services/host/process_facts.hpp"

namespace podsandbox::containerd_runtime {

std::unique_ptr<WatchedProcess> WatchedProcess::open(host::Loop& loop, int pid, std::uint64_t start_time) {
  auto pidfd = host::open_process(pid, start_time);
  if (!pidfd) return nullptr;
  std::unique_ptr<WatchedProcess> process(new WatchedProcess(loop, pid, start_time, std::move(pidfd)));
  process->watch_ = loop.watch(process->pidfd_.get(), [self = process.get()] {
    self->loop_.unwatch(*std::exchange(self->watch_, std::nullopt));
    if (self->at_end_) std::exchange(self->at_end_, nullptr)();
  });
  if (!process->watch_) return nullptr;
  return process;
}

WatchedProcess::~WatchedProcess() {
  if (watch_) loop_.unwatch(*watch_);
}

bool WatchedProcess::has_ended() const {
  return host::has_ended(pidfd_.get());
}

std::optional<std::uint32_t> WatchedProcess::exit_status() const {
  const auto status = host::wait_status_of_other(pidfd_.get(), pid_, start_time_);
  return status ? std::optional(host::exit_status(*status)) : std::nullopt;
}

// The watch may have told already, when there was nobody to hear it.
void WatchedProcess::when_ended(std::function<void()> task) {
  if (!watch_) return loop_.post(std::move(task));
  at_end_ = std::move(task);
}

int WatchedProcess::kill(int signal) const {
  return host::send_signal(pidfd_.get(), signal);
}

}  // namespace podsandbox::containerd_runtime
