#include "services/ctl/commands.hpp"

#include <chrono>
#include <ostream>

#include "services/ctl/json_output.hpp"
#include "services/ctl/table.hpp"
#include "services/ctl/text_output.hpp"

namespace podsandbox::ctl {

namespace sandbox = containerd::services::sandbox::v1;
using Controller = Client::Controller;

template <class Message>
ExitStatus Commands::answer(const std::string& text, const Message& message) {
  if (format_ == Format::json) {
    out_ << to_json(message) << '\n';
  } else if (!text.empty()) {
    out_ << printable(text) << '\n';
  }
  return ExitStatus::ok;
}

ExitStatus Commands::run(const sandbox::ControllerCreateRequest& request) {
  const std::string& id = request.sandbox_id();
  call("create " + id, client_.controller, &Controller::Stub::Create, request);
  return answer(id, start_sandbox(id));
}

ExitStatus Commands::create(const sandbox::ControllerCreateRequest& request) {
  const std::string& id = request.sandbox_id();
  return answer(id, call("create " + id, client_.controller, &Controller::Stub::Create, request));
}

ExitStatus Commands::start(const std::string& id) {
  const auto response = start_sandbox(id);
  return answer(std::to_string(response.pid()), response);
}

ExitStatus Commands::stop(const std::string& id, std::uint32_t grace_seconds) {
  sandbox::ControllerStopRequest request;
  request.set_sandbox_id(id);
  request.set_timeout_secs(grace_seconds);
  // The answer comes after the grace, so without --timeout the call has that much more time.
  Deadline deadline = client_.ordinary();
  if (!client_.unlimited()) *deadline += std::chrono::seconds(grace_seconds);
  return answer("",
                client_.call("stop " + id, *client_.controller, &Controller::Stub::Stop, request, deadline));
}

ExitStatus Commands::wait(const std::string& id) {
  sandbox::ControllerWaitRequest request;
  request.set_sandbox_id(id);
  const auto response =
      client_.call("wait " + id, *client_.controller, &Controller::Stub::Wait, request, client_.unlimited());
  return answer(std::to_string(response.exit_status()), response);
}

ExitStatus Commands::status(const std::string& id, bool verbose) {
  sandbox::ControllerStatusRequest request;
  request.set_sandbox_id(id);
  request.set_verbose(verbose);
  const auto response = call("status " + id, client_.controller, &Controller::Stub::Status, request);
  if (format_ == Format::json) return answer("", response);
  print_status(out_, response);
  return ExitStatus::ok;
}

ExitStatus Commands::shutdown(const std::string& id) {
  sandbox::ControllerShutdownRequest request;
  request.set_sandbox_id(id);
  return answer("", call("shutdown " + id, client_.controller, &Controller::Stub::Shutdown, request));
}

ExitStatus Commands::list() {
  const auto response = call("ls", client_.sandboxes, &Client::Sandboxes::Stub::List, v1::ListRequest());
  if (format_ == Format::json) return answer("", response);
  print_sandboxes(out_, response, std::chrono::system_clock::now());
  return ExitStatus::ok;
}

void Commands::watch(std::uint64_t from_sequence) {
  v1::WatchRequest request;
  request.set_from_sequence(from_sequence);
  if (format_ == Format::table) print_event_header(out_);
  client_.watch("watch", request, [&](const v1::Event& event) {
    if (format_ == Format::table) {
      print_event(out_, event);
    } else {
      out_ << to_json(event) << std::endl;
    }
  });
}

ExitStatus Commands::health() {
  using Response = grpc::health::v1::HealthCheckResponse;
  const auto response =
      call("health", client_.health, &Client::Health::Stub::Check, grpc::health::v1::HealthCheckRequest());
  answer(Response::ServingStatus_Name(response.status()), response);
  return response.status() == Response::SERVING ? ExitStatus::ok : ExitStatus::unavailable;
}

sandbox::ControllerStartResponse Commands::start_sandbox(const std::string& id) {
  sandbox::ControllerStartRequest request;
  request.set_sandbox_id(id);
  return call("start " + id, client_.controller, &Controller::Stub::Start, request);
}

}  // namespace podsandbox::ctl
