#include "messages/call_desk.hpp"

namespace podsandbox {

void CallDesk::caller_gone(CallId id) {
  std::shared_ptr<OpenCall> call;
  {
    const std::lock_guard lock(mutex_);
    const auto it = calls_.find(id);
    if (it == calls_.end()) return;
    call = it->second;
  }
  call->abandon();
}

void CallDesk::forget(CallId id) {
  std::shared_ptr<OpenCall> last;  // freed outside of the lock
  const std::lock_guard lock(mutex_);
  if (const auto it = calls_.find(id); it != calls_.end()) {
    last = std::move(it->second);
    calls_.erase(it);
  }
}

void CallDesk::lost(std::shared_ptr<OpenCall> call) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    first = lost_.empty();
    lost_.push_back(std::move(call));
  }
  if (!first) return;
  if (auto root = find_actor<RootPort>(system_, names::root)) caf::anon_send(root, CallsLost{});
}

void CallDesk::send_lost_again() {
  std::vector<std::shared_ptr<OpenCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(lost_);
  }
  for (const auto& call : calls) call->send();
}

void CallDesk::drain(const Error& reason) {
  refuse_new(reason, false);
  fail_open(reason, false);
}

void CallDesk::close(const Error& reason) {
  refuse_new(reason, true);
  fail_open(reason, true);
}

void CallDesk::refuse_new(const Error& reason, bool lost_too) {
  std::vector<std::shared_ptr<OpenCall>> lost;  // freed outside of the lock
  const std::lock_guard lock(mutex_);
  refusal_ = reason;
  if (!lost_too) return;
  closed_ = true;
  lost.swap(lost_);
}

void CallDesk::fail_open(const Error& reason, bool all) {
  std::vector<std::shared_ptr<OpenCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, call] : calls_) {
      if (all || call->open_ended()) calls.push_back(call);
    }
  }
  for (const auto& call : calls) call->fail(reason);
}

std::size_t CallDesk::open() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

}  // namespace podsandbox
