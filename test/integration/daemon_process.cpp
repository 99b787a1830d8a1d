#include "test/integration/daemon_process.hpp"

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
#include <utility>
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

DaemonProcess::DaemonProcess(DaemonOptions options) : options_(std::move(options)), programs_(programs) {
  if (options_.own_programs) {
    programs_ = directory_.path() / "programs";
    std::filesystem::create_directory(programs_);
    for (const auto& program : {keeper_program(), pause_program()}) {
      std::filesystem::copy_file(std::filesystem::path(programs) / program.filename(), program);
    }
  }
  write_config();
  start();
}

DaemonProcess::~DaemonProcess() {
  if (pid_ < 0) return;
  remove_sandboxes(*this);
  signal(SIGTERM);
  wait();
}

void DaemonProcess::write_config() const {
  const auto& directory = directory_.path();
  std::ofstream file(directory / "config.toml");
  file << "data_dir = " << std::filesystem::path(data_dir()) << "\nkeeper_program = " << keeper_program()
       << "\npause_program = " << pause_program()
       << "\ncontainerd.address = \"\"\ncri.root_dir = " << directory / "cri-root"
       << "\ncri.state_dir = " << directory / "cri-state"
       << "\n"
       << options_.config;
  if (!file.flush()) throw std::runtime_error("cannot write the daemon's configuration");
}

void DaemonProcess::launch() {
  const auto binary = std::string(programs) + "/podsandboxd";
  const auto config = (directory_.path() / "config.toml").string();
  const auto socket_path = socket();
  const auto state = state_dir();
  const char* quiet = options_.log_fd < 0 ? "error" : "info";
  const char* level = std::getenv("PODSANDBOX_TEST_LOG") != nullptr ? "debug" : quiet;
  std::vector<const char*> arguments = {
      binary.c_str(), "--config",    config.c_str(), "--socket", socket_path.c_str(),
      "--state-dir",  state.c_str(), "--log-level",  level,      nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (options_.log_fd >= 0) posix_spawn_file_actions_adddup2(&actions, options_.log_fd, STDERR_FILENO);
  const int error =
      posix_spawn(&pid_, binary.c_str(), &actions, nullptr, const_cast<char**>(arguments.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), binary);
}

void DaemonProcess::start() {
  const auto socket_path = socket();
  // Else the one that a killed daemon has left would be taken for the new one's.
  const bool replaces = std::filesystem::is_socket(socket_path);
  const auto left =
      replaces ? std::filesystem::last_write_time(socket_path) : std::filesystem::file_time_type();
  launch();
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

std::string DaemonProcess::data_dir() const {
  return options_.data_dir.empty() ? (directory_.path() / "data").string() : options_.data_dir;
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
