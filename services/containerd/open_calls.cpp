#include "services/containerd/open_calls.hpp"

#include <utility>

namespace podsandbox::containerd_client {

OpenCalls::Id OpenCalls::add(grpc::ClientContext& context, std::shared_ptr<void> call) {
  const std::lock_guard lock(mutex_);
  if (draining_) context.TryCancel();  // not started yet, so nothing calls back from here
  open_.emplace(++last_, Call{&context, std::move(call)});
  return last_;
}

void OpenCalls::end(Id id) {
  const std::lock_guard lock(mutex_);
  open_.erase(id);
  if (open_.empty()) idle_.notify_all();
}

void OpenCalls::cancel(Id id) {
  std::unique_lock lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  auto call = found->second;  // it may end while it is cancelled
  ++cancelling_;
  lock.unlock();  // a cancelled call may call back at once
  call.context->TryCancel();
  call.parts.reset();
  lock.lock();
  if (--cancelling_ == 0) idle_.notify_all();
}

void OpenCalls::drain() {
  std::unique_lock lock(mutex_);
  draining_ = true;
  const auto open = open_;
  lock.unlock();  // as above
  for (const auto& [id, call] : open) call.context->TryCancel();
  lock.lock();
  idle_.wait(lock, [this] { return open_.empty() && cancelling_ == 0; });
}

}  // namespace podsandbox::containerd_client
