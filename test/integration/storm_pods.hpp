#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "services/host/unique_fd.hpp"
#include "test/integration/complaints.hpp"
#include "test/integration/patient_client.hpp"
#include "test/integration/storm_site.hpp"

namespace podsandbox::test {

/// A handle on a process that runs now; it cannot become another's.
host::UniqueFd pidfd_of(std::uint32_t pid);
bool send_signal(const host::UniqueFd& pidfd, int signal);

/// Sandboxes that nobody ends but `kill_one`: each has a Wait open all the time, and somebody asks for the
/// Status of one after the other. Whatever is told of one that lives, or is not told of one that is dead, is
/// a complaint.
class StormPods {
 public:
  StormPods(const DaemonProcess& daemon, Complaints& complaints, StormSite& site, const std::string& name,
            std::size_t count);
  StormPods(const StormPods&) = delete;
  StormPods& operator=(const StormPods&) = delete;

  /// Kills the process of one that lives, at random, with SIGKILL or SIGTERM. `unseen`: no daemon runs, and
  /// when this returns the process is dead, so that none may ever say again that it lives.
  void kill_one(std::mt19937& random, bool unseen);

  /// From now on how they end, or ended while nobody had been told yet, may be known to nobody.
  void exits_may_be_lost();

  /// Whether each Wait on one that was killed has been answered.
  bool all_told() const;

  /// Compares all with what must be, again, now that there is time; then removes them.
  void finish();

  /// How many were killed, and of how many nobody could tell how they ended.
  std::string summary() const;

 private:
  struct Pod {
    std::string id;
    std::uint32_t pid = 0;
    host::UniqueFd process;
    std::atomic<int> must_exit_with = -1;  // -1: it lives
    std::atomic<bool> may_be_unknown = false;
    std::atomic<bool> died_unseen = false;
    std::atomic<int> told = -1;  // by Wait
  };

  void start(Pod& pod);
  void wait(Pod& pod);
  void ask_all();
  void check_state(Pod& pod, PatientClient& client);
  bool is_right(const Pod& pod, std::uint32_t exit_status) const;
  void complain(const Pod& pod, const std::string& what);

  const DaemonProcess& daemon_;
  Complaints& complaints_;
  StormSite& site_;
  PatientClient client_;
  std::deque<Pod> pods_;
  std::atomic<bool> over_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace podsandbox::test
