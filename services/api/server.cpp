#include "services/api/server.hpp"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <string>
#include <utility>

#include "messages/log.hpp"
#include "proto/health.pb.h"

namespace podsandbox::api {

namespace {

constexpr auto write_limit = std::chrono::seconds(1);  // for a client to take the last answers
constexpr int max_message_bytes = 16 * 1024 * 1024;    // containerd's limit, both ways

}  // namespace

Server::Server(CallDesk& desk, Listener listener, CriSettings cri)
    : backend_{desk, {}},
      listener_(std::move(listener)),
      controller_(backend_, std::move(cri)),
      sandboxes_(backend_) {}

Server::~Server() {
  drain(std::chrono::seconds(0));
}

Result<std::unique_ptr<Server>> Server::start(CallDesk& desk, Listener listener, CriSettings cri) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  (void)grpc::health::v1::HealthCheckRequest::descriptor();  // gRPC's own service has none for reflection
  std::unique_ptr<Server> self(new Server(desk, std::move(listener), std::move(cri)));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(max_message_bytes);
  builder.SetMaxSendMessageSize(max_message_bytes);
  // No limit on streams per connection: containerd holds one Wait per pod on a single one.
  builder.RegisterService(&self->controller_);
  builder.RegisterService(&self->sandboxes_);
  self->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  self->server_ = builder.BuildAndStart();
  if (!self->server_) return failure(ErrorKind::internal, "the gRPC server could not be started");
  self->listener_.start(
      [acceptor = self->acceptor_.get(), listen_fd = self->listener_.fd()](int fd, const Peer& peer) {
        log::debug("api", {},
                   "connection from pid " + std::to_string(peer.pid) + ", uid " + std::to_string(peer.uid));
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
        connection.listener_fd = listen_fd;
        connection.fd = fd;
        acceptor->HandleNewConnection(&connection);
      });
  return self;
}

bool Server::drain(std::chrono::nanoseconds limit) {
  if (!server_) return true;
  if (auto* health = server_->GetHealthCheckService()) health->Shutdown();
  listener_.stop();
  const Error reason{ErrorKind::unavailable, "podsandboxd is shutting down; try again"};
  backend_.desk.drain(reason);
  backend_.in_flight.wait_for_all(limit);
  backend_.desk.close(reason);
  backend_.in_flight.wait_for_all(write_limit);
  listener_.cut_connections();
  server_->Shutdown(std::chrono::system_clock::now());
  if (!backend_.in_flight.wait_for_all(write_limit)) return false;
  server_->Wait();
  server_.reset();
  return true;
}

}  // namespace podsandbox::api
