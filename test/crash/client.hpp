#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "test/crash/mortal_daemon.hpp"
#include "test/crash/site.hpp"
#include "test/crash/story.hpp"
#include "test/integration/waits.hpp"

namespace podsandbox::test {

/// The daemon, under a call.
struct DaemonDied {
  std::string why;  ///< as the call's status tells
};

/// Who lives through a story with one daemon after the other, remembers what it was told, and notes what was
/// not as it should be. It repeats the call that a daemon left unanswered.
class Client {
 public:
  Client(const Story& story, const Site& site);
  ~Client() { end_connection(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// A daemon is there. Asks it for what it must know, and watches from the first event not seen yet.
  /// Throws DaemonDied.
  void connect(const MortalDaemon& daemon);
  /// Takes the steps that are left, up to this one; `before_step` runs before each. Throws DaemonDied.
  void go_on(std::size_t end, const std::function<void(std::size_t)>& before_step);
  /// The story is over, the daemon lives: sees that all Waits and the last event come, and what it would be
  /// told of the whole from the first event on.
  void see_the_end();
  /// The daemon is gone: how it left the Waits.
  void end_connection();

  /// The process of the sandbox was killed, whoever knows of it.
  void process_was_killed();

  bool start_was_undone() const { return undone_; }
  std::size_t events_seen() const { return events_.size(); }
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  void take(Step step);
  void create();
  void start();
  void see_ready();
  void use_shim();
  void kill_process();
  void see_exit();
  void stop(unsigned grace);
  void shut_down();

  void hold_against_what_it_was_told();
  void wait_for_exit();
  void check_wait(const Waits::Call& call, bool daemon_lives);
  void watch();
  void end_watch();
  void check_events();
  std::vector<v1::Event> all_events();

  /// SANDBOX_READY or SANDBOX_NOTREADY; empty: there is none.
  std::string state();
  bool has_exited();
  /// The pid of a Start, which is one of a process that runs.
  std::optional<std::uint32_t> ask_start(grpc::Status& status);
  /// Throws DaemonDied when the status says that nobody answered.
  static const grpc::Status& alive(const grpc::Status& status);
  void expect(bool good, const std::string& otherwise);
  bool begun(Step step) const;

  const Story& story_;
  const Site& site_;
  const std::string id_;
  const std::chrono::system_clock::time_point began_ = std::chrono::system_clock::now();

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<controller::Controller::Stub> stub_;
  std::unique_ptr<Waits> waits_;
  bool wait_came_late_ = false;  // the sandbox may be gone already
  std::unique_ptr<grpc::ClientContext> watching_;
  std::thread watcher_;
  grpc::Status watch_ended_;
  std::mutex mutex_;  // of the events, while there is a watcher
  unsigned daemons_ = 0;

  std::size_t answered_ = 0;  // steps
  std::size_t begun_ = 0;     // steps, answered or on their way
  std::optional<std::uint32_t> pid_;
  std::string task_address_;
  bool dead_ = false;    // the process
  bool gone_ = false;    // the sandbox: so it was told
  bool undone_ = false;  // the start: so it was told
  std::vector<v1::Event> events_;
  std::vector<std::string> faults_;
};

}  // namespace podsandbox::test
