#pragma once

#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <memory>
#include <string>

#include "actors/root/root.hpp"
#include "messages/call_desk.hpp"
#include "services/api/server.hpp"
#include "services/linux/linux_runtime.hpp"
#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// All that podsandboxd is made of, in this process: real processes below, real gRPC above, and in between
/// actors whom a test can reach and kill.
class InProcessDaemon {
 public:
  InProcessDaemon();
  ~InProcessDaemon();
  InProcessDaemon(const InProcessDaemon&) = delete;
  InProcessDaemon& operator=(const InProcessDaemon&) = delete;

  std::shared_ptr<grpc::Channel> channel() const;

  /// Kills the actor of this name, at once, whatever it is doing.
  void kill(caf::atom_value name);

  /// Kills the actor of this sandbox, if it exists.
  void kill_sandbox(const std::string& id);

  bool gave_up() const { return gave_up_; }
  std::size_t open_calls() const { return desk_.open(); }

  /// What the runtime has.
  std::vector<runtime::Process> processes() const;

 private:
  struct Config : caf::actor_system_config {
    Config() {
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", std::size_t{4});
    }
  };

  TemporaryDirectory directory_;
  Config config_;
  std::shared_ptr<linux_runtime::LinuxRuntime> runtime_;
  caf::actor_system system_{config_};
  CallDesk desk_{system_};
  std::atomic<bool> gave_up_ = false;
  RootPort root_;
  std::unique_ptr<api::Server> server_;
};

}  // namespace podsandbox::test
