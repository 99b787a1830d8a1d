#pragma once

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/integration/complaints.hpp"
#include "test/integration/patient_client.hpp"

namespace podsandbox::test {

/// Clients that make sandboxes live short lives, one after the other, until they are told to stop. An answer
/// that an ordinary client could not live with is a complaint.
class StormChurn {
 public:
  /// `keepers_killed`: how many keepers the test has killed so far.
  StormChurn(const DaemonProcess& daemon, Complaints& complaints, unsigned clients,
             const std::string& cgroup_parent, unsigned seed, const std::atomic<int>& keepers_killed);
  StormChurn(const StormChurn&) = delete;
  StormChurn& operator=(const StormChurn&) = delete;

  /// Lets each finish the life it is at.
  void finish();

  unsigned lives() const { return lives_; }

 private:
  /// One life of a sandbox; what was wrong with it, if anything was.
  std::string live(PatientClient& client, const std::string& id, std::mt19937& random);
  std::string live_once_started(PatientClient& client, const std::string& id, std::uint32_t pid,
                                unsigned kind, int keepers_killed);
  std::string remove(PatientClient& client, const std::string& id);

  const DaemonProcess& daemon_;
  const std::string cgroup_parent_;
  const std::atomic<int>& keepers_killed_;
  std::atomic<bool> over_ = false;
  std::atomic<unsigned> lives_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace podsandbox::test
