#pragma once

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/integration/complaints.hpp"
#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// Watchers that join, go away and resume at random moments, each on connections of its own, until they have
/// seen that `last` was removed. A gap, a duplicate or an end that a watcher cannot live with is a complaint.
class StormWatchers {
 public:
  StormWatchers(const DaemonProcess& daemon, Complaints& complaints, unsigned count, std::string last,
                unsigned seed);
  StormWatchers(const StormWatchers&) = delete;
  StormWatchers& operator=(const StormWatchers&) = delete;

  /// Waits until all have seen the last event. Complains where they did not see the same.
  void finish();

  /// What they saw, from the first event of all on.
  const std::vector<v1::Event>& events() const { return seen_.front(); }

  unsigned connections() const { return connections_; }

 private:
  void watch(unsigned number, std::mt19937 random);
  bool read_some(std::vector<v1::Event>& seen, std::uint64_t& next, std::size_t most,
                 const std::string& name);

  const DaemonProcess& daemon_;
  Complaints& complaints_;
  const std::string last_;
  std::vector<std::vector<v1::Event>> seen_;  // by each
  std::atomic<unsigned> connections_ = 0;
  std::vector<std::jthread> threads_;
};

/// What is wrong with the lives that these events tell of; empty: nothing. Each must be the story of one
/// sandbox: created, perhaps started, then exited once if it was started, and removed.
std::string faults_in_stories(const std::vector<v1::Event>& events);

}  // namespace podsandbox::test
