#include "test/integration/containerd_process.hpp"

#include <grpcpp/channel.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "services/host/unique_fd.hpp"
#include "test/conformance/containerd_node.hpp"
#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

namespace {

pid_t pid_of_containerd(const ContainerdNode& node) {
  std::ifstream file(node.pid_file());
  pid_t pid = 0;
  if (!(file >> pid)) throw std::runtime_error("nobody has written down containerd's pid");
  return pid;
}

}  // namespace

void kill_containerd() {
  const pid_t pid = pid_of_containerd(ContainerdNode());
  const host::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process || kill(pid, SIGKILL) != 0) {
    throw std::system_error(errno, std::generic_category(), "killing containerd");
  }
  constexpr int patience_ms = 20000;
  pollfd ended{process.get(), POLLIN, 0};
  if (poll(&ended, 1, patience_ms) != 1) throw std::runtime_error("containerd does not end");
  waitpid(pid, nullptr, WNOHANG);  // it is a child of ours if we have started it
}

void start_containerd() {
  const ContainerdNode node;
  const pid_t pid = spawn({"/bin/sh", "-c", node.command()});
  std::ofstream(node.pid_file()) << pid << "\n";
}

void until_containerd_serves() {
  const auto serves = [] {
    const auto deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(100);
    return connect_to(ContainerdNode().socket())->WaitForConnected(deadline);
  };
  if (!eventually(serves)) throw std::runtime_error("containerd does not serve");
}

}  // namespace podsandbox::test
