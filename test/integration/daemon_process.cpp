#include "test/integration/daemon_process.hpp"

#include <grpcpp/create_channel.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mount.h>
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

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "podsandbox-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  path_ = pattern;
}

// What is mounted in it is of sandboxes whose daemon was not there to remove them.
TemporaryDirectory::~TemporaryDirectory() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, target, rest; mounts >> device >> target && std::getline(mounts, rest);) {
    if (target.starts_with(path_.string() + "/")) umount2(target.c_str(), MNT_DETACH);
  }
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
  start();
}

DaemonProcess::~DaemonProcess() {
  if (pid_ < 0) return;
  remove_sandboxes(channel());
  signal(SIGTERM);
  wait();
}

std::vector<std::string> daemon_command(const std::filesystem::path& directory,
                                        const DaemonOptions& options) {
  const auto own = options.own_programs ? directory / "programs" : std::filesystem::path(programs);
  const auto data = options.data_dir.empty() ? directory / "data" : std::filesystem::path(options.data_dir);
  std::ofstream file(directory / "config.toml");
  file << "data_dir = " << data << "\nkeeper_program = " << own / "podsandbox-keeper"
       << "\npause_program = " << own / "podsandbox-pause"
       << "\ncontainerd.address = \"" << options.containerd << "\"\ncri.root_dir = " << directory / "cri-root"
       << "\ncri.state_dir = " << directory / "cri-state"
       << "\n"
       << options.config;
  if (!file.flush()) throw std::runtime_error("cannot write the daemon's configuration");
  const char* quiet = options.log_fd < 0 ? "error" : "info";
  const char* level = std::getenv("PODSANDBOX_TEST_LOG") != nullptr ? "debug" : quiet;
  return {std::string(programs) + "/podsandboxd",
          "--config",
          directory / "config.toml",
          "--socket",
          directory / "d.sock",
          "--state-dir",
          directory / "state",
          "--log-level",
          level};
}

pid_t spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment,
            const std::map<int, int>& theirs_and_ours) {
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> variables;
  for (const auto& variable : environment) variables.push_back(const_cast<char*>(variable.c_str()));
  for (char** inherited = environ; *inherited != nullptr; ++inherited) variables.push_back(*inherited);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const auto& [theirs, ours] : theirs_and_ours) posix_spawn_file_actions_adddup2(&actions, ours, theirs);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, command.front().c_str(), &actions, nullptr, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), command.front());
  return pid;
}

std::shared_ptr<grpc::Channel> connect_to(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

void DaemonProcess::launch() {
  std::map<int, int> descriptors;
  if (options_.log_fd >= 0) descriptors[STDERR_FILENO] = options_.log_fd;
  pid_ = spawn(daemon_command(directory_.path(), options_), {}, descriptors);
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
  return connect_to(socket());
}

std::unique_ptr<controller::Controller::Stub> DaemonProcess::controller() const {
  return controller::Controller::NewStub(channel());
}

std::unique_ptr<v1::Sandboxes::Stub> DaemonProcess::sandboxes() const {
  return v1::Sandboxes::NewStub(channel());
}

controller::ControllerCreateRequest create_request(const std::string& id, const std::string& cgroup_parent) {
  controller::ControllerCreateRequest request;
  request.set_sandbox_id(id);
  ::runtime::v1::PodSandboxConfig config;
  config.mutable_metadata()->set_name(id);
  config.set_hostname("pod");
  if (!cgroup_parent.empty()) config.mutable_linux()->set_cgroup_parent(cgroup_parent);
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

void remove_sandboxes(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext list_context;
  v1::ListResponse rows;
  if (!v1::Sandboxes::NewStub(channel)->List(&list_context, {}, &rows).ok()) return;
  const auto stub = controller::Controller::NewStub(channel);
  for (const auto& row : rows.sandboxes()) (void)shutdown(*stub, row.id());
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
