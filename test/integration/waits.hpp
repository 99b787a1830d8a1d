#pragma once

#include <grpcpp/channel.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// Any number of Wait calls that are open at the same time, as containerd holds them.
class Waits {
 public:
  explicit Waits(std::shared_ptr<grpc::Channel> channel)
      : stub_(controller::Controller::NewStub(std::move(channel))) {}
  ~Waits() { cancel_all(); }
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  struct Call {
    grpc::ClientContext context;
    controller::ControllerWaitRequest request;
    controller::ControllerWaitResponse response;
    grpc::Status status;
    bool done = false;
  };

  /// Opens one more; its outcome is in the returned call once `settled` counts it.
  Call& open(const std::string& id) {
    Call* call = nullptr;
    {
      const std::lock_guard lock(mutex_);
      call = &calls_.emplace_back();
    }
    call->request.set_sandbox_id(id);
    stub_->async()->Wait(&call->context, &call->request, &call->response, [this, call](grpc::Status status) {
      const std::lock_guard lock(mutex_);
      call->status = std::move(status);
      call->done = true;
      ++settled_;
      changed_.notify_all();
    });
    return *call;
  }

  /// True when this many calls have ended in time.
  bool settled(std::size_t count, std::chrono::seconds limit = std::chrono::seconds(60)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return settled_ >= count; });
  }

  void cancel_all() {
    for (auto& call : calls_) call.context.TryCancel();
    settled(calls_.size());
  }

  const std::deque<Call>& calls() const { return calls_; }

 private:
  std::unique_ptr<controller::Controller::Stub> stub_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Call> calls_;
  std::size_t settled_ = 0;
};

}  // namespace podsandbox::test
