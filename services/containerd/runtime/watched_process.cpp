#include "services/containerd/runtime/pause_process.hpp"

#include <utility>

#include "services/host/process_facts.hpp"

namespace podsandbox::containerd_runtime {

std::unique_ptr<PauseProcess> PauseProcess::open(host::Loop& loop, int pid, std::uint64_t start_time) {
  auto pidfd = host::open_process(pid, start_time);
  if (!pidfd) return nullptr;
  std::unique_ptr<PauseProcess> process(new PauseProcess(loop, std::move(pidfd)));
  process->watch_ = loop.watch(process->pidfd_.get(), [self = process.get()] {
    self->loop_.unwatch(*std::exchange(self->watch_, std::nullopt));
    if (self->at_end_) std::exchange(self->at_end_, nullptr)();
  });
  if (!process->watch_) return nullptr;
  return process;
}

PauseProcess::~PauseProcess() {
  if (watch_) loop_.unwatch(*watch_);
}

bool PauseProcess::has_ended() const {
  return host::has_ended(pidfd_.get());
}

// The watch may have told already, when there was nobody to hear it.
void PauseProcess::when_ended(std::function<void()> task) {
  if (!watch_) return loop_.post(std::move(task));
  at_end_ = std::move(task);
}

int PauseProcess::kill(int signal) const {
  return host::send_signal(pidfd_.get(), signal);
}

}  // namespace podsandbox::containerd_runtime
