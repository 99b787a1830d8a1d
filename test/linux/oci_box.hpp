#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "services/linux/shims/lost_containers.hpp"

namespace podsandbox::test {

/// Containers of a real OCI runtime, with a state directory and cgroups of their own. All that is in it ends
/// and goes with it.
class OciBox {
 public:
  /// "runc" or "crun".
  explicit OciBox(const std::string& program);
  ~OciBox();
  OciBox(const OciBox&) = delete;
  OciBox& operator=(const OciBox&) = delete;

  const linux_runtime::OciRuntime& runtime() const { return runtime_; }
  std::filesystem::path state(const std::string& id) const { return runtime_.root / "k8s.io" / id; }
  std::filesystem::path bundle(const std::string& id) const { return directory_ / "bundles" / id; }

  struct Container {
    std::string id;
    std::string sandbox;
    std::string command = "exec sleep 1000";  // a shell's
    bool own_pids = true;                     // a pid namespace of its own
    std::string variable{};                   // in its environment
  };
  /// Makes and starts it. The pid of its first process.
  int run(const Container& container) const;

  /// Asks the runtime for something that must succeed.
  void ask(const std::vector<std::string>& words) const;

  /// Those that run in the container's cgroup.
  std::vector<int> processes(const std::string& id) const;
  std::vector<std::filesystem::path> cgroups(const std::string& id) const;
  /// The parent of the containers' ("/a").
  const std::string& cgroup() const { return cgroup_; }
  /// One for a container that there is not, in each hierarchy; a pid that is given moves there.
  void make_cgroup(const std::string& id, int pid = 0) const;

  /// All processes of a container in a frozen cgroup below its own, in which they cannot be killed until they
  /// are thawed. Nothing, when this host has no such cgroups (v2's do not keep anybody from being killed).
  std::optional<std::filesystem::path> freeze_below(const std::string& id) const;

  /// An executable script that a runtime may name as its program.
  std::string script(const std::string& name, const std::string& lines) const;

 private:
  std::filesystem::path directory_;
  std::string cgroup_;
  linux_runtime::OciRuntime runtime_;
};

/// Whether this process is there and no zombie.
bool runs(int pid);

}  // namespace podsandbox::test
