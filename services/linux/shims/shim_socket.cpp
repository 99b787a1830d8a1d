#include "services/linux/shims/shim_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "messages/failpoint.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unix_socket.hpp"
#include "services/linux/shims/shim_place.hpp"

namespace podsandbox::linux_runtime {

Result<host::UniqueFd> listen_for_shim(const std::string& path) {
  const std::string draft = draft_of(path);
  failpoint("shim's socket is made");
  auto listener = host::listen_at(draft, SOCK_STREAM | SOCK_NONBLOCK);
  if (!listener || std::rename(draft.c_str(), path.c_str()) != 0) {
    auto error = failure(ErrorKind::unavailable, host::because("listening at " + path));
    unlink(draft.c_str());
    return error;
  }
  failpoint("shim's socket is there");
  return listener;
}

bool has_waiting(const host::UniqueFd& listener) {
  pollfd waiting{listener.get(), POLLIN, 0};
  return listener && poll(&waiting, 1, 0) == 1;
}

unsigned refuse_waiting(const host::UniqueFd& listener) {
  unsigned count = 0;
  while (has_waiting(listener) && host::UniqueFd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))) {
    ++count;
  }
  return count;
}

}  // namespace podsandbox::linux_runtime
