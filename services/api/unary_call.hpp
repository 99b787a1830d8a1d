#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "messages/call_desk.hpp"
#include "messages/failpoint.hpp"
#include "services/api/in_flight.hpp"
#include "services/api/status.hpp"

namespace podsandbox::api {

/// What every RPC needs: where to submit it, and the count of those on their way. Outlives the server.
struct Backend {
  CallDesk& desk;
  InFlight in_flight;
};

/// One unary RPC on its way: submits the request and finishes with its answer. Deletes itself when gRPC is
/// done with it.
template <class Request>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Answer = typename Request::Answer;

  /// `respond` writes the answer into the response; it runs on an actor's thread, so it must not block.
  static grpc::ServerUnaryReactor* run(Backend& backend, Request request,
                                       std::function<void(const Answer&)> respond) {
    auto* call = new UnaryCall(backend);  // deleted by OnDone
    // The answer may come before submit returns; gRPC holds it back until our caller has the reactor.
    call->id_ =
        backend.desk.submit(std::move(request), [call, respond = std::move(respond)](Result<Answer> answer) {
          failpoint("client is told");
          if (!answer) return call->Finish(to_status(answer.error()));
          respond(*answer);
          call->Finish(grpc::Status::OK);
        });
    return call;
  }

 private:
  explicit UnaryCall(Backend& backend) : desk_(backend.desk), counted_(backend.in_flight) {}

  void OnCancel() override { desk_.caller_gone(id_); }
  void OnDone() override { delete this; }

  CallDesk& desk_;
  InFlight::Guard counted_;
  CallId id_ = 0;
};

/// An RPC that ends at once.
inline grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context, const grpc::Status& status) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace podsandbox::api
