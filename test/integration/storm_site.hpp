#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// How much a storm is: as much as the runtime does in the time that a test may take.
struct StormMeasure {
  int rounds = 0;                 ///< in each the daemon is killed once
  unsigned longest_round_ms = 0;  ///< before it is killed
  std::size_t old_pods = 0;       ///< from the beginning
  std::size_t new_pods = 0;       ///< from the middle on
  unsigned clients = 0;           ///< that make short lives
};

/// Where a storm takes place: what depends on the runtime that is under test. Thread-safe, but for what is
/// done to what the daemon relies on.
class StormSite {
 public:
  StormSite() = default;
  virtual ~StormSite() = default;
  StormSite(const StormSite&) = delete;
  StormSite& operator=(const StormSite&) = delete;

  virtual StormMeasure measure() const = 0;
  virtual DaemonOptions daemon_options() const = 0;

  /// For a pod that is in a cgroup, so that one can be left behind.
  virtual controller::ControllerCreateRequest request(const std::string& id) = 0;
  /// What a client does beside its calls: before its Create, and when the sandbox has gone.
  virtual void before_create(const std::string& id) = 0;
  virtual void after_removal(const std::string& id) = 0;
  /// Whether a sandbox's process, which has been started, heeds the signals that shall end it.
  virtual bool heeds_signals(std::uint32_t pid) const = 0;

  /// Whether in this round the daemon loses what it relies on, while it serves or while there is none.
  virtual bool is_harmed_in(int round, bool daemon_serves) const = 0;
  virtual void harm(const DaemonProcess& daemon) = 0;
  /// When there is a daemon again.
  virtual void mend() = 0;
  /// Whether after that nobody may know how a sandbox ended that was there.
  virtual bool harm_loses_exits() const = 0;
  /// Whether a Start that is under way then may fail.
  virtual bool harm_fails_starts() const = 0;

  /// What is left of sandboxes, as text; empty: nothing.
  virtual std::string leftovers(const DaemonProcess& daemon) const = 0;
};

/// That of the runtime that the program is linked for.
std::unique_ptr<StormSite> make_storm_site();

}  // namespace podsandbox::test
