#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "messages/sandbox_spec.hpp"

namespace podsandbox::test {

/// The containerd, with its runc, that test/integration/containerd/start runs a program with: what the
/// environment tells of it.
class ContainerdNode {
 public:
  /// Throws when there is none.
  ContainerdNode();

  const std::filesystem::path& directory() const { return directory_; }
  const std::string& socket() const { return socket_; }
  const std::string& snapshotter() const { return snapshotter_; }
  /// Its pause program obeys hostnames: "exit-N" exits with N, "crash-N" faults.
  const std::string& sandbox_image() const { return sandbox_image_; }
  /// Of all pods. What is below it is removed with the node.
  std::string cgroup_parent() const { return "/" + directory_.filename().string(); }
  /// For runc, whose state is the node's own.
  static constexpr const char* runtime_name = "io.containerd.runc.v2";
  Payload runtime_options() const;

  /// What is left of sandboxes of these ids in containerd, of its shims and runc, and of their mounts and
  /// cgroups, as text for a test's message. Empty: nothing.
  std::string leftovers(const std::set<std::string>& ids) const;

 private:
  std::string in_containerd(const std::set<std::string>& ids) const;
  std::string on_the_machine(const std::set<std::string>& ids) const;
  std::string mounts(const std::set<std::string>& ids) const;
  std::string processes(const std::set<std::string>& ids) const;
  std::string ctr(const std::string& arguments) const;

  std::filesystem::path directory_;
  std::string socket_;
  std::string ctr_;
  std::string snapshotter_;
  std::string sandbox_image_;
};

/// Whether the first process of a started task heeds SIGTERM and SIGINT: it is started when its program is
/// about to be run, and before that program is ready such a signal is lost on a pid 1.
bool pause_heeds_signals(std::uint32_t pid);

/// The paths of what is in these directories, as text; empty: nothing.
std::string files_in(const std::vector<std::filesystem::path>& directories);

}  // namespace podsandbox::test
