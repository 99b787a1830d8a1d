#include "services/ctl/client.hpp"

namespace podsandbox::ctl {

namespace {

constexpr int max_message_bytes = 16 * 1024 * 1024;

std::shared_ptr<grpc::Channel> connect(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(max_message_bytes);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

CallFailed::CallFailed(const std::string& what_was_tried, const grpc::Status& status)
    : std::runtime_error(what_was_tried + ": " + std::string(name_of(status.error_code())) + ": " +
                         status.error_message()),
      exit_status_(exit_status_of(status.error_code())) {}

Client::Client(const std::string& socket, Deadline timeout) : Client(connect(socket), timeout) {}

Client::Client(const std::shared_ptr<grpc::Channel>& channel, Deadline timeout)
    : controller(Controller::NewStub(channel)),
      sandboxes(Sandboxes::NewStub(channel)),
      health(Health::NewStub(channel)),
      timeout_(timeout) {}

void Client::set_deadline(grpc::ClientContext& context, Deadline deadline) {
  if (deadline) context.set_deadline(std::chrono::system_clock::now() + *deadline);
}

}  // namespace podsandbox::ctl
