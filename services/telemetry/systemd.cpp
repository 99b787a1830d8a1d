#include "services/telemetry/systemd.hpp"

#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <system_error>

namespace podsandbox::telemetry {

Result<std::optional<int>> inherited_socket() {
  const int count = sd_listen_fds(1);
  if (count == 0) return std::nullopt;
  if (count < 0) {
    return failure(ErrorKind::failed_precondition,
                   "take the inherited socket: " + std::generic_category().message(-count));
  }
  const int fd = SD_LISTEN_FDS_START;
  if (count == 1 && sd_is_socket_unix(fd, SOCK_STREAM, 1, nullptr, 0) > 0) return fd;
  return failure(ErrorKind::failed_precondition,
                 "take the inherited socket: " + std::to_string(count) +
                     " descriptors were passed, and it must be one, a listening unix stream socket: let the "
                     "socket unit have one ListenStream= with a path, and Accept=no");
}

std::optional<std::chrono::microseconds> watchdog_limit() {
  std::uint64_t limit = 0;
  if (sd_watchdog_enabled(0, &limit) <= 0) return std::nullopt;
  return std::chrono::microseconds(limit);
}

void tell_status(std::string status) {
  std::replace(status.begin(), status.end(), '\n', ' ');  // the next line would be another message
  notify("STATUS=" + status);
}

void notify(const std::string& state) {
  sd_notify(0, state.c_str());
}

}  // namespace podsandbox::telemetry
