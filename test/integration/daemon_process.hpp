#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proto/containerd_sandbox.grpc.pb.h"
#include "proto/podsandbox.grpc.pb.h"

namespace podsandbox::test {

namespace controller = ::containerd::services::sandbox::v1;

/// A directory that is removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct DaemonOptions {
  std::string config = {};      ///< more lines of its configuration
  bool own_programs = false;    ///< keeper and pause are copies of its own: nobody else runs these
  std::string containerd = {};  ///< its socket; empty: there is none
  std::string data_dir = {};    ///< empty: one of its own
  int log_fd = -1;              ///< where its log goes, from "info" on; -1: where the test's goes
};

/// What starts a podsandboxd whose files are all in this directory and whose socket is d.sock there. Writes
/// its configuration.
std::vector<std::string> daemon_command(const std::filesystem::path& directory,
                                        const DaemonOptions& options = {});

/// Starts a program, with these variables ("NAME=VALUE") before those that we have, and with descriptors of
/// ours under other numbers of its own.
pid_t spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment = {},
            const std::map<int, int>& theirs_and_ours = {});

/// A connection of its own, not shared with other channels.
std::shared_ptr<grpc::Channel> connect_to(const std::string& socket);

/// A real podsandboxd with a state directory and a socket of its own. Ended, with its keeper and sandboxes,
/// when the test is over.
class DaemonProcess {
 public:
  explicit DaemonProcess(DaemonOptions options = {});
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  /// Starts it (again) and waits until it answers.
  void start();

  /// Starts it (again). Whether it answers one day is not waited for.
  void launch();

  /// Sends the signal; `wait` for the end of it.
  void signal(int number) const;

  /// The exit status as waitpid tells it.
  int wait();

  pid_t pid() const { return pid_; }
  std::string socket() const { return (directory_.path() / "d.sock").string(); }
  std::string state_dir() const { return (directory_.path() / "state").string(); }
  std::string data_dir() const;
  /// What all of it is in.
  const std::filesystem::path& directory() const { return directory_.path(); }
  std::filesystem::path keeper_program() const { return programs_ / "podsandbox-keeper"; }
  std::filesystem::path pause_program() const { return programs_ / "podsandbox-pause"; }

  /// A connection of its own, not shared with other channels.
  std::shared_ptr<grpc::Channel> channel() const;

  std::unique_ptr<controller::Controller::Stub> controller() const;
  std::unique_ptr<v1::Sandboxes::Stub> sandboxes() const;

 private:
  const DaemonOptions options_;
  TemporaryDirectory directory_;
  std::filesystem::path programs_;
  pid_t pid_ = -1;
};

// -- single calls, for tests that are not about the call itself --------------

/// Of a pod that is in this cgroup; empty: in none.
controller::ControllerCreateRequest create_request(const std::string& id,
                                                   const std::string& cgroup_parent = {});
grpc::Status create(controller::Controller::Stub& stub, const std::string& id);
/// The pid.
std::uint32_t start(controller::Controller::Stub& stub, const std::string& id);
std::uint32_t run(controller::Controller::Stub& stub, const std::string& id);
grpc::Status stop(controller::Controller::Stub& stub, const std::string& id);
grpc::Status shutdown(controller::Controller::Stub& stub, const std::string& id);
std::string state(controller::Controller::Stub& stub, const std::string& id);

/// Everything that the daemon has is shut down through it.
void remove_sandboxes(const std::shared_ptr<grpc::Channel>& channel);

/// Ends a sandbox's process and its keeper, of a daemon that is gone.
void end_left_behind(std::uint32_t pid);

/// Waits for a condition; false when it did not come true in time.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(20));

/// A pause between two looks at a condition that nothing announces.
void look_again_soon();

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    look_again_soon();
  }
  return true;
}

}  // namespace podsandbox::test
