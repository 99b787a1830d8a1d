#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>

#include "messages/call_desk.hpp"
#include "messages/handler_settings.hpp"
#include "services/api/controller.hpp"
#include "services/api/listener.hpp"
#include "services/api/sandboxes.hpp"

namespace podsandbox::api {

/// The gRPC server: Controller, Sandboxes, health and reflection on one listening unix socket.
class Server {
 public:
  /// The desk must outlive the server. `cri` says which runtime the pods of which handler are given to.
  static Result<std::unique_ptr<Server>> start(CallDesk& desk, Listener listener, CriSettings cri);

  ~Server();

  /// Accepts no more connections, ends Waits and Watches with UNAVAILABLE, lets other calls finish within
  /// `limit` before they end in the same way, and then cuts the connections. gRPC's own shutdown ends calls
  /// that reach it too late with CANCELLED, which containerd takes for the death of a pod; a cut connection
  /// is UNAVAILABLE to it.
  /// False when a call is stuck in the kernel even then: the process must end without waiting for it.
  bool drain(std::chrono::nanoseconds limit);

 private:
  Server(CallDesk& desk, Listener listener, CriSettings cri);

  Backend backend_;
  Listener listener_;
  Controller controller_;
  Sandboxes sandboxes_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace podsandbox::api
