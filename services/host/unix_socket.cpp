#include "services/host/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace podsandbox::host {

namespace {

using Enter = int (*)(int, const sockaddr*, socklen_t);  // bind() or connect()

bool enter(Enter call, const UniqueFd& fd, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return call(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

UniqueFd nothing(UniqueFd fd) {
  const int error = errno;
  fd.reset();
  errno = error;
  return fd;
}

}  // namespace

UniqueFd connect_to(const std::string& path, int type) {
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  return fd && enter(connect, fd, path) ? std::move(fd) : nothing(std::move(fd));
}

UniqueFd listen_at(const std::string& path, int type) {
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  unlink(path.c_str());
  const bool listens = enter(bind, fd, path) && chmod(path.c_str(), S_IRUSR | S_IWUSR) == 0 &&
                       listen(fd.get(), SOMAXCONN) == 0;
  return listens ? std::move(fd) : nothing(std::move(fd));
}

}  // namespace podsandbox::host
