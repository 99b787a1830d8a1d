#include "test/integration/service_manager.hpp"

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

}  // namespace

ServiceManager::ServiceManager(const std::string& socket_name)
    : socket_(directory_.path() / socket_name),
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
  // Only the child itself can say who it is, and only after the fork.
  std::vector<std::string> command = {"/bin/sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"};
  for (auto& argument : daemon_command(directory_.path())) command.push_back(std::move(argument));
  auto variables = environment;
  variables.push_back("NOTIFY_SOCKET=" + (directory_.path() / "notify").string());
  pid_ = spawn(command, variables, {{3, listen_fd_}});
}

bool ServiceManager::hears(const std::string& line, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd polled{notify_fd_, POLLIN, 0};
    if (left.count() <= 0 || poll(&polled, 1, static_cast<int>(left.count())) <= 0) return false;
    std::array<char, 4096> buffer{};
    const auto size = recv(notify_fd_, buffer.data(), buffer.size(), 0);
    std::istringstream lines(
        std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))));
    bool found = false;
    for (std::string one; std::getline(lines, one);) {
      found |= one == line;
      heard_.push_back(one);
    }
    if (found) return true;
  }
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
