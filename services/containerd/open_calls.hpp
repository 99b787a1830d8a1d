#pragma once

#include <grpcpp/client_context.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace podsandbox::containerd_client {

/// The calls of one connection that have not ended, each with all that must live until then.
///
/// A call refers to the connection's channel, and gRPC 1.51 ends its callback threads with the last channel:
/// a thread that ends that one itself is not waited for, but works on with what is freed. So each call is let
/// go of in here, and the connection holds its channel until `drain` has returned. Thread-safe.
class OpenCalls {
 public:
  using Id = std::uint64_t;

  /// Before the call starts. `call` has `context` in it. When the connection ends already, so will the call.
  Id add(grpc::ClientContext& context, std::shared_ptr<void> call);

  /// The last thing a call's last callback does: the call is gone with it.
  void end(Id id);

  /// Nothing, when it has ended.
  void cancel(Id id);

  /// Cancels all, also those that are still to come, and waits for their ends. Not to be called from a
  /// callback.
  void drain();

 private:
  struct Call {
    grpc::ClientContext* context = nullptr;
    std::shared_ptr<void> parts;
  };

  std::mutex mutex_;
  std::condition_variable idle_;
  std::map<Id, Call> open_;
  Id last_ = 0;
  unsigned cancelling_ = 0;  // threads that hold a call to cancel it
  bool draining_ = false;
};

}  // namespace podsandbox::containerd_client
