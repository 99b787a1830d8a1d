#include "test/integration/patient_client.hpp"

#include <grpcpp/create_channel.h>

namespace podsandbox::test {

namespace {

constexpr auto patience = std::chrono::minutes(2);

template <class Stub, class Request, class Response>
PatientClient::Outcome call(Stub& stub,
                            grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                            const Request& request, Response* response) {
  const auto deadline = std::chrono::system_clock::now() + patience;
  for (bool interrupted = false;; interrupted = true) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(deadline);
    auto status = (stub.*method)(&context, request, response);
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return {std::move(status), interrupted};
    look_again_soon();  // a client's pause
  }
}

template <class Request>
Request about(const std::string& id) {
  Request request;
  request.set_sandbox_id(id);
  return request;
}

}  // namespace

std::shared_ptr<grpc::Channel> eager_channel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);  // less it does not take
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

PatientClient::PatientClient(const DaemonProcess& daemon) {
  const auto channel = eager_channel(daemon.socket());
  controller_ = controller::Controller::NewStub(channel);
  sandboxes_ = v1::Sandboxes::NewStub(channel);
}

PatientClient::Outcome PatientClient::create(const controller::ControllerCreateRequest& request) {
  controller::ControllerCreateResponse response;
  return call(*controller_, &controller::Controller::Stub::Create, request, &response);
}

PatientClient::Outcome PatientClient::start(const std::string& id,
                                            controller::ControllerStartResponse* response) {
  return call(*controller_, &controller::Controller::Stub::Start,
              about<controller::ControllerStartRequest>(id), response);
}

PatientClient::Outcome PatientClient::stop(const std::string& id) {
  controller::ControllerStopResponse response;
  return call(*controller_, &controller::Controller::Stub::Stop, about<controller::ControllerStopRequest>(id),
              &response);
}

PatientClient::Outcome PatientClient::wait(const std::string& id,
                                           controller::ControllerWaitResponse* response) {
  return call(*controller_, &controller::Controller::Stub::Wait, about<controller::ControllerWaitRequest>(id),
              response);
}

PatientClient::Outcome PatientClient::status(const std::string& id,
                                             controller::ControllerStatusResponse* response) {
  return call(*controller_, &controller::Controller::Stub::Status,
              about<controller::ControllerStatusRequest>(id), response);
}

PatientClient::Outcome PatientClient::shutdown(const std::string& id) {
  controller::ControllerShutdownResponse response;
  return call(*controller_, &controller::Controller::Stub::Shutdown,
              about<controller::ControllerShutdownRequest>(id), &response);
}

PatientClient::Outcome PatientClient::list(v1::ListResponse* response) {
  return call(*sandboxes_, &v1::Sandboxes::Stub::List, v1::ListRequest(), response);
}

void PatientClient::start_and_give_up(const std::string& id, std::chrono::microseconds after) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + after);
  controller::ControllerStartResponse response;
  (void)controller_->Start(&context, about<controller::ControllerStartRequest>(id), &response);
}

}  // namespace podsandbox::test
