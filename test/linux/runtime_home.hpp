#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "services/linux/settings.hpp"

namespace podsandbox::test {

/// A directory of its own for one runtime: its state, and copies of the programs, so that its processes can
/// be told from all others. Ends every process of these programs when it goes.
class RuntimeHome {
 public:
  RuntimeHome();
  ~RuntimeHome();
  RuntimeHome(const RuntimeHome&) = delete;
  RuntimeHome& operator=(const RuntimeHome&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// With the pause program for tests.
  linux_runtime::Settings settings() const;

  std::vector<int> keepers() const;
  std::vector<int> pauses() const { return running(settings().pause_program); }
  /// Of all keepers, running or dead.
  std::vector<int> children_of_keepers() const;
  /// The ids of which the state directory has a record.
  std::vector<std::string> records() const;

  /// Where something is mounted in this directory.
  std::vector<std::string> mounts() const;

  /// What is left of sandboxes, as text for a test's message: processes, zombies, records, files, mounts.
  /// Empty: nothing.
  std::string leftovers() const;

 private:
  static std::vector<int> running(const std::filesystem::path& program);
  std::filesystem::path path_;
};

/// Sends SIGKILL to the process.
void kill_hard(int pid);

/// What /proc/PID/ns/<name> points to; empty when there is none.
std::string namespace_of(int pid, const std::string& name);

/// The directories named `name` in any cgroup hierarchy.
std::vector<std::filesystem::path> cgroups_named(const std::string& name);
/// Those below one named `above`: another run of a test has the same sandboxes.
std::vector<std::filesystem::path> cgroups_named(const std::string& name, const std::string& above);

}  // namespace podsandbox::test
