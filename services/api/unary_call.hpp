#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "messages/call_desk.hpp"
#include "services/api/status.hpp"

namespace podsandbox::api {

/// One unary RPC on its way: submits the request and finishes with its answer. Deletes itself when gRPC is
/// done with it.
template <class Request>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Answer = typename Request::Answer;

  /// `respond` writes the answer into the response; it runs on an actor's thread, so it must not block.
  static grpc::ServerUnaryReactor* run(CallDesk& desk, Request request,
                                       std::function<void(const Answer&)> respond) {
    auto* call = new UnaryCall(desk);  // deleted by OnDone
    // The answer may come before submit returns; gRPC holds it back until our caller has the reactor.
    call->id_ = desk.submit(std::move(request), [call, respond = std::move(respond)](Result<Answer> answer) {
      if (!answer) return call->Finish(to_status(answer.error()));
      respond(*answer);
      call->Finish(grpc::Status::OK);
    });
    return call;
  }

 private:
  explicit UnaryCall(CallDesk& desk) : desk_(desk) {}

  void OnCancel() override { desk_.caller_gone(id_); }
  void OnDone() override { delete this; }

  CallDesk& desk_;
  CallId id_ = 0;
};

/// An RPC that ends at once.
inline grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context, const grpc::Status& status) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace podsandbox::api
