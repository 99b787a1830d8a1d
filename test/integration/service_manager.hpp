#pragma once

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "services/host/unique_fd.hpp"
#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// What systemd is to a podsandboxd with our units: it keeps the listening socket and the descriptors that
/// daemons give it, passes all to each daemon that it starts, and hears what they say. Nothing is restarted
/// by itself. The last daemon is ended, with its sandboxes, when the test is over.
class ServiceManager {
 public:
  /// The daemon is configured for d.sock.
  explicit ServiceManager(const std::string& socket_name = "d.sock", DaemonOptions options = {});
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

  /// What it keeps, of what has been heard so far, by name. What is added is passed to the next daemon.
  std::multimap<std::string, host::UniqueFd>& kept() { return kept_; }

  void signal(int number) const;
  /// The exit status as waitpid tells it.
  int wait();
  /// Ends the daemon and starts another one, at once.
  void restart(int signal);

  pid_t pid() const { return pid_; }
  const std::filesystem::path& directory() const { return directory_.path(); }
  const std::string& socket() const { return socket_; }
  std::shared_ptr<grpc::Channel> channel() const { return connect_to(socket_); }
  std::unique_ptr<controller::Controller::Stub> controller() const {
    return controller::Controller::NewStub(channel());
  }

 private:
  /// One message of the daemon; false: none came in time.
  bool hear(std::chrono::milliseconds limit);

  const DaemonOptions options_;
  TemporaryDirectory directory_;
  std::string socket_;
  int listen_fd_ = -1;
  int notify_fd_ = -1;
  pid_t pid_ = -1;
  std::vector<std::string> heard_;  // lines
  std::multimap<std::string, host::UniqueFd> kept_;
};

}  // namespace podsandbox::test
