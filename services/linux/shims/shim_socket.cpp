#include "services/linux/shims/shim_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "messages/failpoint.hpp"
#include "services/host/system_error.hpp"
#include "services/linux/shims/shim_place.hpp"

namespace podsandbox::linux_runtime {

Result<host::UniqueFd> listen_for_shim(const std::string& path) {
  const std::string draft = draft_of(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (draft.size() >= sizeof address.sun_path) {
    return failure(ErrorKind::failed_precondition, "the path of socket " + path + " is too long");
  }
  std::memcpy(address.sun_path, draft.c_str(), draft.size() + 1);
  host::UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  unlink(draft.c_str());
  failpoint("shim's socket is made");
  if (!listener || bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(draft.c_str(), S_IRUSR | S_IWUSR) != 0 || listen(listener.get(), SOMAXCONN) != 0 ||
      std::rename(draft.c_str(), path.c_str()) != 0) {
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
