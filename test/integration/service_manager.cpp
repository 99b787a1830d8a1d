#include "test/integration/service_manager.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace podsandbox::test {

namespace {

int bound_socket(int type, const std::string& path) {
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot bind " + path);
  }
  return fd;
}

constexpr int first_passed = 3;
constexpr int beyond_passed = 200;  // where what is kept is not in the way of what is passed

std::vector<std::string> lines_of(const std::string& message) {
  std::istringstream in(message);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The descriptor that came with a message; empty: none.
host::UniqueFd descriptor_of(const msghdr& message) {
  const cmsghdr* control = CMSG_FIRSTHDR(&message);
  if (control == nullptr || control->cmsg_type != SCM_RIGHTS) return {};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
  const host::UniqueFd received(fd);
  return host::UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, beyond_passed));
}

}  // namespace

ServiceManager::ServiceManager(const std::string& socket_name, DaemonOptions options)
    : options_(std::move(options)),
      socket_(directory_.path() / socket_name),
      listen_fd_(bound_socket(SOCK_STREAM, socket_)),
      notify_fd_(bound_socket(SOCK_DGRAM, (directory_.path() / "notify").string())) {
  std::filesystem::permissions(socket_, std::filesystem::perms(0600));
  if (listen(listen_fd_, SOMAXCONN) != 0) throw std::runtime_error("cannot listen on " + socket_);
}

ServiceManager::~ServiceManager() {
  if (pid_ > 0) {
    remove_sandboxes(channel());
    signal(SIGTERM);
    wait();
  }
  close(listen_fd_);
  close(notify_fd_);
}

void ServiceManager::start(const std::vector<std::string>& environment) {
  while (hear(std::chrono::milliseconds(0))) {
  }
  // Only the child itself can say who it is, and only after the fork.
  std::vector<std::string> command = {"/bin/sh", "-c", "LISTEN_PID=$$ exec \"$@\"", "sh"};
  for (auto& argument : daemon_command(directory_.path(), options_)) command.push_back(std::move(argument));
  std::map<int, int> descriptors{{first_passed, listen_fd_}};
  std::string names = "podsandboxd.socket";
  for (const auto& [name, fd] : kept_) {
    descriptors[first_passed + static_cast<int>(descriptors.size())] = fd.get();
    names += ":" + name;
  }
  auto variables = environment;
  variables.push_back("NOTIFY_SOCKET=" + (directory_.path() / "notify").string());
  variables.push_back("LISTEN_FDS=" + std::to_string(descriptors.size()));
  variables.push_back("LISTEN_FDNAMES=" + names);
  if (options_.log_fd >= 0) descriptors[STDERR_FILENO] = options_.log_fd;
  pid_ = spawn(command, variables, descriptors);
}

bool ServiceManager::hears(const std::string& line, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto before = static_cast<std::ptrdiff_t>(heard_.size());
    if (left.count() <= 0 || !hear(left)) return false;
    if (std::find(heard_.begin() + before, heard_.end(), line) != heard_.end()) return true;
  }
}

bool ServiceManager::hear(std::chrono::milliseconds limit) {
  pollfd polled{notify_fd_, POLLIN, 0};
  if (poll(&polled, 1, static_cast<int>(limit.count())) <= 0) return false;
  std::array<char, 4096> buffer{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec text{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto size = recvmsg(notify_fd_, &message, MSG_CMSG_CLOEXEC);
  const auto lines =
      lines_of(std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))));
  heard_.insert(heard_.end(), lines.begin(), lines.end());
  auto fd = descriptor_of(message);
  const auto says = [&](const char* line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  const std::string key = "FDNAME=";
  const auto named =
      std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.starts_with(key); });
  if (named == lines.end()) return true;
  const auto name = named->substr(key.size());
  if (says("FDSTOREREMOVE=1")) kept_.erase(name);
  if (says("FDSTORE=1") && fd) kept_.emplace(name, std::move(fd));
  return true;
}

void ServiceManager::signal(int number) const {
  ::kill(pid_, number);
}

int ServiceManager::wait() {
  int status = 0;
  constexpr auto a_moment = std::chrono::milliseconds(1);
  while (waitpid(pid_, &status, WNOHANG) == 0) hears("", a_moment);  // whom nobody hears cannot end
  pid_ = -1;
  return status;
}

void ServiceManager::restart(int number) {
  signal(number);
  wait();
  start();
}

}  // namespace podsandbox::test
