#include "services/telemetry/systemd.hpp"

#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <vector>

namespace podsandbox::telemetry {

namespace {

/// Takes the strings and the array.
std::vector<std::string> taken(char** names, int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) {
    all.emplace_back(names[i]);
    std::free(names[i]);
  }
  std::free(names);
  return all;
}

// systemd calls a socket by its unit, and by nothing what has no name.
bool is_of_a_socket_unit(const std::string& name) {
  return name.empty() || name == "unknown" || name.ends_with(".socket");
}

}  // namespace

Result<Inherited> inherited_descriptors() {
  char** passed = nullptr;
  const int count = sd_listen_fds_with_names(1, &passed);
  if (count < 0) {
    return failure(ErrorKind::failed_precondition,
                   "take the inherited socket: " + std::generic_category().message(-count));
  }
  Inherited inherited;
  int sockets = 0;
  int fd = SD_LISTEN_FDS_START;
  for (const auto& name : taken(passed, count)) {
    if (is_of_a_socket_unit(name)) {
      inherited.socket = fd;
      ++sockets;
    } else {
      inherited.kept[name] = host::UniqueFd(fd);
    }
    ++fd;
  }
  if (sockets == 0) return inherited;
  if (sockets == 1 && sd_is_socket_unix(*inherited.socket, SOCK_STREAM, 1, nullptr, 0) > 0) return inherited;
  return failure(ErrorKind::failed_precondition,
                 "take the inherited socket: " + std::to_string(sockets) +
                     " descriptors were passed, and it must be one, a listening unix stream socket: let the "
                     "socket unit have one ListenStream= with a path, and Accept=no");
}

std::optional<std::chrono::microseconds> watchdog_limit() {
  std::uint64_t limit = 0;
  if (sd_watchdog_enabled(0, &limit) <= 0) return std::nullopt;
  return std::chrono::microseconds(limit);
}

}  // namespace podsandbox::telemetry
