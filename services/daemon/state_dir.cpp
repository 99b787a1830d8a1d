#include "services/daemon/state_dir.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/host/patient_lock.hpp"

namespace podsandbox {

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
  if (!host::lock_patiently(fd)) {
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
