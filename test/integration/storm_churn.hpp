#pragma once

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/integration/complaints.hpp"
#include "test/integration/patient_client.hpp"
#include "test/integration/storm_site.hpp"

namespace podsandbox::test {

/// Clients that make sandboxes live short lives, one after the other, until they are told to stop. An answer
/// that an ordinary client could not live with is a complaint.
class StormChurn {
 public:
  /// `harms`: how often the site was harmed so far, and how often mended. So it is odd in between.
  StormChurn(const DaemonProcess& daemon, Complaints& complaints, StormSite& site, unsigned seed,
             const std::atomic<int>& harms);
  StormChurn(const StormChurn&) = delete;
  StormChurn& operator=(const StormChurn&) = delete;

  /// Lets each finish the life it is at.
  void finish();

  unsigned lives() const { return lives_; }

 private:
  /// One life of a sandbox; what was wrong with it, if anything was.
  std::string live(PatientClient& client, const std::string& id, std::mt19937& random);
  std::string live_once_started(PatientClient& client, const std::string& id, std::uint32_t pid,
                                unsigned kind, int harms_before);
  std::string remove(PatientClient& client, const std::string& id);
  bool was_harmed_since(int harms_before) const { return harms_ != harms_before || harms_before % 2 != 0; }

  const DaemonProcess& daemon_;
  StormSite& site_;
  const std::atomic<int>& harms_;
  std::atomic<bool> over_ = false;
  std::atomic<unsigned> lives_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace podsandbox::test
