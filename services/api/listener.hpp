#pragma once

#include <functional>
#include <string>
#include <thread>

#include "messages/error.hpp"

namespace podsandbox::api {

/// Who is at the other end of a connection, as the kernel says.
struct Peer {
  int pid = 0;
  unsigned uid = 0;
  unsigned gid = 0;
};

struct SocketSettings {
  std::string path;
  unsigned mode = 0600;
  std::string group;  // name; empty: ours
};

/// A listening unix socket and the thread that accepts on it. Ours rather than gRPC's, so that peers are
/// known before they say a word, and the socket can be inherited.
class Listener {
 public:
  /// Takes a connected, non-blocking socket.
  using Accept = std::function<void(int fd, const Peer& peer)>;

  /// Binds and listens. A left-over socket that nobody serves is replaced; one that is served is an error.
  static Result<Listener> bind(const SocketSettings& settings);

  /// Serves a listening socket that a service manager has bound and keeps, and owns this descriptor of it.
  /// Its file, mode and owner are left as they are; who connects while nobody serves waits for the next who
  /// does. FAILED_PRECONDITION when it is not at the path of the settings.
  static Result<Listener> adopt(int fd, const SocketSettings& settings);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const { return listen_fd_; }

  /// Accepts from now on. `accept` must not block.
  void start(Accept accept);

  /// Accepts no more; connections stay. The socket file is removed, if we made it.
  void stop();

  /// Ends all connections that were accepted: nothing more is said on them, by anybody.
  void cut_connections() const;

 private:
  Listener(int listen_fd, std::string path);
  void accept_loop();

  int listen_fd_ = -1;
  int wake_fd_ = -1;
  std::string path_;
  bool bound_ = false;  // the socket file is ours to remove
  Accept accept_;
  std::thread thread_;
};

}  // namespace podsandbox::api
