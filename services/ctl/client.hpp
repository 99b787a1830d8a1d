#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "proto/containerd_sandbox.grpc.pb.h"
#include "proto/health.grpc.pb.h"
#include "proto/podsandbox.grpc.pb.h"
#include "services/ctl/exit_status.hpp"

namespace podsandbox::ctl {

/// A call that did not succeed: what was tried and what the daemon said, as one line for people.
class CallFailed : public std::runtime_error {
 public:
  CallFailed(const std::string& what_was_tried, const grpc::Status& status);

  ExitStatus exit_status() const { return exit_status_; }

 private:
  ExitStatus exit_status_;
};

/// How long a call may take.
using Deadline = std::optional<std::chrono::milliseconds>;

/// Blocking calls to the daemon behind a unix socket. Whoever calls says what is being tried ("start pod-a"),
/// for the message of CallFailed.
class Client {
 public:
  using Controller = containerd::services::sandbox::v1::Controller;
  using Sandboxes = v1::Sandboxes;
  using Health = grpc::health::v1::Health;

  const std::unique_ptr<Controller::Stub> controller;
  const std::unique_ptr<Sandboxes::Stub> sandboxes;
  const std::unique_ptr<Health::Stub> health;

  /// Does not connect yet. Every call ends after `timeout`, when there is one.
  Client(const std::string& socket, Deadline timeout);

  /// Time for one call that usually answers soon: the given timeout, or one that no sane call exceeds.
  Deadline ordinary() const { return timeout_.value_or(default_timeout); }
  /// Time for a call that takes as long as the sandbox lives.
  Deadline unlimited() const { return timeout_; }

  template <class Stub, class Request, class Response>
  Response call(const std::string& what, Stub& stub,
                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request, Deadline deadline) {
    grpc::ClientContext context;
    set_deadline(context, deadline);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) throw CallFailed(what, status);
    return response;
  }

  /// Calls `on_event` for each event until the stream ends, which is always a failure.
  template <class OnEvent>
  [[noreturn]] void watch(const std::string& what, const v1::WatchRequest& request, OnEvent on_event) {
    grpc::ClientContext context;
    set_deadline(context, unlimited());
    const auto stream = sandboxes->Watch(&context, request);
    for (v1::Event event; stream->Read(&event);) on_event(event);
    grpc::Status status = stream->Finish();
    if (status.ok()) status = {grpc::StatusCode::UNAVAILABLE, "the daemon ended the stream"};
    throw CallFailed(what, status);
  }

 private:
  Client(const std::shared_ptr<grpc::Channel>& channel, Deadline timeout);

  static constexpr std::chrono::milliseconds default_timeout = std::chrono::minutes(2);

  static void set_deadline(grpc::ClientContext& context, Deadline deadline);

  Deadline timeout_;
};

}  // namespace podsandbox::ctl
