#include "services/daemon/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

namespace podsandbox {

namespace {

// For a moment another may be nobody: when a daemon is killed while it makes its keeper, that has the lock
// from its fork to its exec.
bool lock_patiently(int fd) {
  constexpr int attempts = 100;
  constexpr auto pause = std::chrono::milliseconds(10);
  for (int i = 0; i < attempts; ++i) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    std::this_thread::sleep_for(pause);
  }
  return false;
}

}  // namespace

Result<StateDir> StateDir::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return failure(ErrorKind::unavailable,
                   "state directory " + path + ": cannot be made: " + error.message());
  }
  const auto lock = path + "/lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return failure(ErrorKind::unavailable,
                   lock + ": cannot be opened: " + std::generic_category().message(errno));
  }
  if (!lock_patiently(fd)) {
    close(fd);
    return failure(ErrorKind::failed_precondition,
                   "state directory " + path + ": another podsandboxd uses it");
  }
  return StateDir(fd);
}

StateDir::StateDir(StateDir&& other) noexcept : lock_fd_(std::exchange(other.lock_fd_, -1)) {}

StateDir::~StateDir() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

}  // namespace podsandbox
