#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// A connection that is there again soon after the other end is.
std::shared_ptr<grpc::Channel> eager_channel(const std::string& socket);

/// A client as containerd's: what is UNAVAILABLE it asks again, whatever happens to the daemon. It must be
/// answered otherwise before its patience ends (DEADLINE_EXCEEDED).
class PatientClient {
 public:
  explicit PatientClient(const DaemonProcess& daemon);

  struct Outcome {
    grpc::Status status;
    bool interrupted = false;  ///< it was asked more than once
    bool ok() const { return status.ok(); }
    grpc::StatusCode code() const { return status.error_code(); }
    std::string text() const { return std::to_string(code()) + ", " + status.error_message(); }
  };

  Outcome create(const controller::ControllerCreateRequest& request);
  Outcome start(const std::string& id, controller::ControllerStartResponse* response);
  Outcome stop(const std::string& id);
  Outcome wait(const std::string& id, controller::ControllerWaitResponse* response);
  Outcome status(const std::string& id, controller::ControllerStatusResponse* response);
  Outcome shutdown(const std::string& id);
  Outcome list(v1::ListResponse* response);

  /// Start by somebody who goes away so soon that it may be at any moment.
  void start_and_give_up(const std::string& id, std::chrono::microseconds after);

 private:
  std::unique_ptr<controller::Controller::Stub> controller_;
  std::unique_ptr<v1::Sandboxes::Stub> sandboxes_;
};

}  // namespace podsandbox::test
