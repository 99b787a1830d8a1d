#include "services/telemetry/systemd.hpp"

#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "services/host/descriptor_store.hpp"

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
  const auto names = taken(passed, count);
  auto sockets = std::ranges::count_if(names, is_of_a_socket_unit);
  const bool renamed = sockets == 0;  // perhaps, by FileDescriptorName=, and not as we name ours
  int fd = SD_LISTEN_FDS_START;
  for (const auto& name : names) {
    const bool of_the_api = renamed ? !inherited.socket && !name.starts_with(host::DescriptorStore::prefix)
                                    : is_of_a_socket_unit(name);
    if (of_the_api) {
      inherited.socket = fd;
      if (renamed) ++sockets;
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
