#include "services/host/shim.hpp"

#include <openssl/sha.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "proto/shim_task.pb.h"
#include "services/host/system_error.hpp"
#include "services/host/ttrpc.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

namespace {

using Clock = std::chrono::steady_clock;

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

// Connected, or empty with errno; ECONNREFUSED and ENOENT: nobody listens.
UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return {};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd && connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

// Reads on until the other end has closed; false when it has not by then.
bool closes(int fd, Clock::time_point until) {
  std::array<char, 4096> ignored{};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waited{fd, POLLIN, 0};
    if (left <= 0 || (poll(&waited, 1, static_cast<int>(left)) <= 0 && errno != EINTR)) return false;
    const ssize_t got = recv(fd, ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return true;
  }
}

std::string shutdown_request() {
  const ::containerd::task::v3::ShutdownRequest request;
  return ttrpc_request("containerd.task.v3.Task", "Shutdown", request.SerializeAsString());
}

std::string socket_of(const std::string& name) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data());
  return "/run/containerd/s/" + hex(digest.data(), digest.size());
}

Result<Done> end_server(const std::string& socket, const std::string& what,
                        std::chrono::milliseconds deadline) {
  const UniqueFd fd = connect_to(socket);
  if (!fd) {
    if (errno == ENOENT || errno == ECONNREFUSED) return Done{};
    return failure(ErrorKind::unavailable, because(what + " at " + socket));
  }
  const std::string request = shutdown_request();
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    if (errno == EPIPE || errno == ECONNRESET) return Done{};  // it went by itself
    return failure(ErrorKind::unavailable, because(what + ": telling it"));
  }
  if (closes(fd.get(), Clock::now() + deadline)) return Done{};
  return failure(ErrorKind::unavailable, what + ": it does not end; it still has a container");
}

}  // namespace

ShimSockets shim_sockets(const std::string& containerd_address, const std::string& id) {
  const std::string name = containerd_address + "/k8s.io/" + id;
  return {socket_of(name), socket_of(name + "/debug")};
}

bool shim_listens(const ShimSockets& sockets) {
  return static_cast<bool>(connect_to(sockets.task));
}

Result<Done> end_shim(const ShimSockets& sockets, const std::string& id, std::chrono::milliseconds deadline) {
  auto ended = end_server(sockets.task, "ending the shim of sandbox " + id, deadline);
  if (!ended) return ended;
  for (const std::string& socket : {sockets.task, sockets.debug}) unlink(socket.c_str());  // it leaves them
  return Done{};
}

}  // namespace podsandbox::host
