#include "services/api/listener.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "messages/log.hpp"

namespace podsandbox::api {

namespace {

constexpr int backlog = 1024;
constexpr int out_of_descriptors_pause_ms = 100;

tl::unexpected<Error> failed(const std::string& path, std::string_view step, int error) {
  return failure(ErrorKind::unavailable, "listen on " + path + ": " + std::string(step) + ": " +
                                             std::generic_category().message(error));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/// Only a socket whose owner is surely gone may be replaced: in doubt it is served.
bool is_served(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  const auto address = address_of(path);
  const bool refused =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
  close(fd);
  return !refused;
}

std::optional<gid_t> group_of(const std::string& name) {
  std::vector<char> buffer(16384);
  group entry{};
  group* found = nullptr;
  getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found ? std::optional(found->gr_gid) : std::nullopt;
}

Result<Done> set_owner(const SocketSettings& settings) {
  if (!settings.group.empty()) {
    const auto gid = group_of(settings.group);
    if (!gid) {
      return failure(ErrorKind::invalid_argument,
                     "listen on " + settings.path + ": there is no group " + settings.group);
    }
    if (chown(settings.path.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
      return failed(settings.path, "set its group to " + settings.group, errno);
    }
  }
  if (chmod(settings.path.c_str(), settings.mode) != 0) return failed(settings.path, "set its mode", errno);
  return Done{};
}

/// The path to which a socket is bound; empty when it has none.
std::string path_of(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address - 1;  // so that it ends with a zero byte
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return address.sun_family == AF_UNIX ? address.sun_path : std::string();
}

/// Who made the inherited socket decides who may use it. What the configuration says otherwise is only told.
void compare_access(const SocketSettings& settings) {
  struct stat found {};
  if (stat(settings.path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) {
    log::error("api", {},
               "the file of the inherited socket " + settings.path +
                   " is gone, so that nobody new can connect: restart its socket unit");
    return;
  }
  const auto gid = settings.group.empty() ? std::optional(getegid()) : group_of(settings.group);
  if ((found.st_mode & 07777U) == settings.mode && gid == found.st_gid) return;
  log::warn(
      "api", {},
      "the inherited socket " + settings.path +
          " has another mode or group than socket_mode and socket_group say: SocketMode= and SocketGroup= of "
          "its socket unit decide");
}

Peer peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
  return {credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace

Result<Listener> Listener::bind(const SocketSettings& settings) {
  const auto& path = settings.path;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return failure(ErrorKind::invalid_argument, "listen on " + path + ": the path is longer than 107 bytes");
  }
  struct stat found {};
  if (lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return failed(path, "it exists and is no socket", EEXIST);
    if (is_served(path)) return failed(path, "another process serves it", EADDRINUSE);
    unlink(path.c_str());
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(path, "make a socket", errno);
  Listener listener(fd, path);
  const auto address = address_of(path);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed(path, "bind", errno);
  }
  listener.bound_ = true;
  // Nobody can connect before listen, so there is no moment with another mode.
  if (auto owner = set_owner(settings); !owner) return tl::unexpected<Error>(owner.error());
  if (listen(fd, backlog) != 0) return failed(path, "listen", errno);
  return listener;
}

Result<Listener> Listener::adopt(int fd, const SocketSettings& settings) {
  Listener listener(fd, path_of(fd));
  const auto& path = listener.path_;
  std::error_code error;
  if (path != settings.path && !std::filesystem::equivalent(path, settings.path, error)) {
    return failure(
        ErrorKind::failed_precondition,
        "listen on " + settings.path + ": the inherited socket is at " +
            (path.empty() ? std::string("no path") : path) +
            ": give `socket` in the configuration and ListenStream= in the socket unit the same path");
  }
  compare_access(settings);
  // It is shared with who keeps it, who may have set it otherwise: a client that gave up must not hold up
  // accept.
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return failed(path, "set O_NONBLOCK", errno);
  return listener;
}

Listener::Listener(int listen_fd, std::string path)
    : listen_fd_(listen_fd), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), path_(std::move(path)) {}

Listener::Listener(Listener&& other) noexcept
    : listen_fd_(std::exchange(other.listen_fd_, -1)),
      wake_fd_(std::exchange(other.wake_fd_, -1)),
      path_(std::move(other.path_)),
      bound_(std::exchange(other.bound_, false)) {}

Listener::~Listener() {
  stop();
  if (wake_fd_ >= 0) close(wake_fd_);
}

void Listener::start(Accept accept) {
  accept_ = std::move(accept);
  thread_ = std::thread([this] { accept_loop(); });
}

void Listener::stop() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(wake_fd_, &one, sizeof one);
    thread_.join();
  }
  if (listen_fd_ >= 0) close(std::exchange(listen_fd_, -1));
  if (std::exchange(bound_, false)) unlink(path_.c_str());
}

void Listener::cut_connections() const {
  // Whose descriptor is whose only gRPC knows; but every connection carries the name of our socket. So does
  // the socket that listens, which must not be cut when it is inherited: it serves the next daemon, too.
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const auto name = entry.path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (fd != listen_fd_ && path_of(fd) == path_) shutdown(fd, SHUT_RDWR);
  }
}

void Listener::accept_loop() {
  std::array<pollfd, 2> polled = {pollfd{wake_fd_, POLLIN, 0}, pollfd{listen_fd_, POLLIN, 0}};
  for (;;) {
    if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if ((polled[0].revents & POLLIN) != 0) return;
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      accept_(fd, peer_of(fd));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      log::error("api", {}, "a connection has to wait: " + std::generic_category().message(errno));
      poll(polled.data(), 1, out_of_descriptors_pause_ms);
    }
  }
}

}  // namespace podsandbox::api
