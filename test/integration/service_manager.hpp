#pragma once

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// What systemd is to a podsandboxd with our units: it keeps the listening socket, passes it to each daemon
/// that it starts, and hears what they say. Nothing is restarted by itself. The last daemon is ended, with
/// its sandboxes, when the test is over.
class ServiceManager {
 public:
  /// The daemon is configured for d.sock.
  explicit ServiceManager(const std::string& socket_name = "d.sock");
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  /// Starts a daemon and waits for nothing. `environment` is added to what systemd sets.
  void start(const std::vector<std::string>& environment = {});

  /// Waits until the daemon says this, as a line; everything that it says is in `heard`. False when it does
  /// not in time.
  bool hears(const std::string& line, std::chrono::milliseconds limit = std::chrono::seconds(20));
  const std::vector<std::string>& heard() const { return heard_; }
  void forget() { heard_.clear(); }

  void signal(int number) const;
  /// The exit status as waitpid tells it.
  int wait();
  /// Ends the daemon and starts another one, at once.
  void restart(int signal);

  const std::string& socket() const { return socket_; }
  std::shared_ptr<grpc::Channel> channel() const { return connect_to(socket_); }
  std::unique_ptr<controller::Controller::Stub> controller() const {
    return controller::Controller::NewStub(channel());
  }

 private:
  TemporaryDirectory directory_;
  std::string socket_;
  int listen_fd_ = -1;
  int notify_fd_ = -1;
  pid_t pid_ = -1;
  std::vector<std::string> heard_;  // lines
};

}  // namespace podsandbox::test
