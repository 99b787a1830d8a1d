#include "services/linux/shims/shim_socket.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "messages/failpoint.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unix_socket.hpp"
#include "services/linux/shims/shim_place.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr unsigned long socket_file =
    SIOCPROTOPRIVATE;  // SIOCUNIXFILE, of <linux/un.h>, which <sys/un.h> excludes

int option(const host::UniqueFd& socket, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(socket.get(), SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

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

// By the file: it was bound to another name.
Result<Done> check_listens_at(const host::UniqueFd& listener, const std::string& path) {
  if (option(listener, SO_DOMAIN) != AF_UNIX || option(listener, SO_TYPE) != SOCK_STREAM ||
      option(listener, SO_ACCEPTCONN) != 1) {
    return failure(ErrorKind::failed_precondition, "it is not a listening unix stream socket");
  }
  const host::UniqueFd file(ioctl(listener.get(), socket_file, 0));
  struct stat bound {};
  struct stat there {};
  if (!file || fstat(file.get(), &bound) != 0) {
    return failure(ErrorKind::failed_precondition, host::because("looking at its file"));
  }
  if (lstat(path.c_str(), &there) != 0) {
    return failure(ErrorKind::failed_precondition, host::because("looking at " + path));
  }
  if (bound.st_dev == there.st_dev && bound.st_ino == there.st_ino) return Done{};
  return failure(ErrorKind::failed_precondition, "it is not the socket at " + path);
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
