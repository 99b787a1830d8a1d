#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// Held while a process is made: until it runs its program it has open what we have. So who writes a program
/// beside threads that start daemons must hold it, or it is busy when it is to run.
std::mutex& spawning();

/// A daemon that may end at any time, in a directory that stays and has the programs `keeper` and `pause` for
/// it. Killed at the end, without its keeper and sandboxes.
class MortalDaemon {
 public:
  MortalDaemon(std::filesystem::path directory, DaemonOptions options);
  ~MortalDaemon() { kill(); }
  MortalDaemon(const MortalDaemon&) = delete;
  MortalDaemon& operator=(const MortalDaemon&) = delete;

  /// Runs this build of it, with more in its environment, until it answers. False: it has ended before.
  bool start(const std::string& program, const std::vector<std::string>& environment);

  /// Whether there is none that runs.
  bool ended();
  /// The last one ended by SIGKILL.
  bool was_killed() const;
  /// Waits for the end, too.
  void kill();

  std::shared_ptr<grpc::Channel> channel() const { return connect_to((directory_ / "d.sock").string()); }

 private:
  const std::filesystem::path directory_;
  const DaemonOptions options_;
  pid_t pid_ = -1;
  int status_ = 0;
};

}  // namespace podsandbox::test
