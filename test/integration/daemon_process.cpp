#include "test/integration/daemon_process.hpp"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "proto/cri.pb.h"

extern char** environ;

namespace podsandbox::test {

namespace {

constexpr auto programs = PODSANDBOX_BIN;

void check(const grpc::Status& status, const std::string& what) {
  if (!status.ok()) throw std::runtime_error(what + ": " + status.error_message());
}

/// Everything that this daemon's keeper still has is shut down through the daemon itself.
void remove_sandboxes(DaemonProcess& daemon) {
  grpc::ClientContext list_context;
  v1::ListResponse rows;
  if (!daemon.sandboxes()->List(&list_context, {}, &rows).ok()) return;
  const auto stub = daemon.controller();
  for (const auto& row : rows.sandboxes()) (void)shutdown(*stub, row.id());
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "podsandbox-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

DaemonProcess::DaemonProcess() {
  start();
}

DaemonProcess::~DaemonProcess() {
  if (pid_ < 0) return;
  remove_sandboxes(*this);
  signal(SIGTERM);
  wait();
}

void DaemonProcess::start() {
  const auto binary = std::string(programs) + "/podsandboxd";
  const auto config = (directory_.path() / "config.toml").string();
  {
    const auto text = "data_dir = \"" + directory_.path().string() + "/data\"\n" + "keeper_program = \"" +
                      std::string(programs) + "/podsandbox-keeper\"\n" + "pause_program = \"" +
                      std::string(programs) + "/podsandbox-pause\"\n" + "containerd.address = \"\"\n" +
                      "cri.root_dir = \"" + directory_.path().string() + "/cri-root\"\n" +
                      "cri.state_dir = \"" + directory_.path().string() + "/cri-state\"\n";
    const int fd = open(config.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (write(fd, text.data(), text.size()) < 0) throw std::runtime_error("cannot write " + config);
    close(fd);
  }
  const auto socket_path = socket();
  const auto state = state_dir();
  const char* level = std::getenv("PODSANDBOX_TEST_LOG") != nullptr ? "debug" : "error";
  std::vector<const char*> arguments = {
      binary.c_str(), "--config",    config.c_str(), "--socket", socket_path.c_str(),
      "--state-dir",  state.c_str(), "--log-level",  level,      nullptr};
  // Else the one that a killed daemon has left would be taken for the new one's.
  const bool replaces = std::filesystem::is_socket(socket_path);
  const auto left =
      replaces ? std::filesystem::last_write_time(socket_path) : std::filesystem::file_time_type();
  const int error =
      posix_spawn(&pid_, binary.c_str(), nullptr, nullptr, const_cast<char**>(arguments.data()), environ);
  if (error != 0) throw std::system_error(error, std::generic_category(), binary);
  // Only then: gRPC waits a second after a first attempt that failed.
  if (!eventually([&] {
        std::error_code none;
        return std::filesystem::is_socket(socket_path, none) &&
               (!replaces || std::filesystem::last_write_time(socket_path, none) != left);
      })) {
    throw std::runtime_error("the daemon does not listen");
  }
  if (!channel()->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20))) {
    throw std::runtime_error("the daemon does not serve");
  }
}

void DaemonProcess::signal(int number) const {
  ::kill(pid_, number);
}

int DaemonProcess::wait() {
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) pid_ = -1;
  return status;
}

std::shared_ptr<grpc::Channel> DaemonProcess::channel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel("unix:" + socket(), grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<controller::Controller::Stub> DaemonProcess::controller() const {
  return controller::Controller::NewStub(channel());
}

std::unique_ptr<v1::Sandboxes::Stub> DaemonProcess::sandboxes() const {
  return v1::Sandboxes::NewStub(channel());
}

controller::ControllerCreateRequest create_request(const std::string& id) {
  controller::ControllerCreateRequest request;
  request.set_sandbox_id(id);
  ::runtime::v1::PodSandboxConfig config;
  config.mutable_metadata()->set_name(id);
  config.set_hostname("pod");
  request.mutable_options()->set_type_url("runtime.v1.PodSandboxConfig");
  request.mutable_options()->set_value(config.SerializeAsString());
  request.mutable_sandbox()->set_sandbox_id(id);
  request.mutable_sandbox()->mutable_runtime()->set_name("io.containerd.runc.v2");
  return request;
}

grpc::Status create(controller::Controller::Stub& stub, const std::string& id) {
  grpc::ClientContext context;
  controller::ControllerCreateResponse response;
  return stub.Create(&context, create_request(id), &response);
}

std::uint32_t start(controller::Controller::Stub& stub, const std::string& id) {
  grpc::ClientContext context;
  controller::ControllerStartRequest request;
  request.set_sandbox_id(id);
  controller::ControllerStartResponse response;
  check(stub.Start(&context, request, &response), "start " + id);
  return response.pid();
}

std::uint32_t run(controller::Controller::Stub& stub, const std::string& id) {
  check(create(stub, id), "create " + id);
  return start(stub, id);
}

grpc::Status stop(controller::Controller::Stub& stub, const std::string& id) {
  grpc::ClientContext context;
  controller::ControllerStopRequest request;
  request.set_sandbox_id(id);
  controller::ControllerStopResponse response;
  return stub.Stop(&context, request, &response);
}

grpc::Status shutdown(controller::Controller::Stub& stub, const std::string& id) {
  grpc::ClientContext context;
  controller::ControllerShutdownRequest request;
  request.set_sandbox_id(id);
  controller::ControllerShutdownResponse response;
  return stub.Shutdown(&context, request, &response);
}

std::string state(controller::Controller::Stub& stub, const std::string& id) {
  grpc::ClientContext context;
  controller::ControllerStatusRequest request;
  request.set_sandbox_id(id);
  controller::ControllerStatusResponse response;
  const auto status = stub.Status(&context, request, &response);
  return status.ok() ? response.state() : status.error_message();
}

void end_left_behind(std::uint32_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string ignored;
  pid_t keeper = 0;
  stat >> ignored >> ignored >> ignored >> keeper;
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  if (keeper > 1) ::kill(keeper, SIGKILL);
}

void look_again_soon() {
  poll(nullptr, 0, 5);
}

}  // namespace podsandbox::test
