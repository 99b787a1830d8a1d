#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "messages/sandbox_spec.hpp"
#include "proto/containerd_sandbox.pb.h"

namespace podsandbox::test {

/// The containerd, with its runc, that test/integration/containerd/start runs a program with: what the
/// environment tells of it.
class ContainerdNode {
 public:
  /// Throws when there is none.
  ContainerdNode();

  const std::filesystem::path& directory() const { return directory_; }
  const std::string& socket() const { return socket_; }
  /// A shell's command that starts it again when it has ended, with the same pid as the shell.
  const std::string& command() const { return command_; }
  /// Has the pid of the one that runs.
  std::filesystem::path pid_file() const { return directory_ / "containerd.pid"; }
  const std::string& snapshotter() const { return snapshotter_; }
  /// Its pause program obeys hostnames: "exit-N" exits with N, "crash-N" faults.
  const std::string& sandbox_image() const { return sandbox_image_; }
  /// Of all pods. What is below it is removed with the node.
  std::string cgroup_parent() const { return "/" + directory_.filename().string(); }
  /// For runc, whose state is the node's own.
  static constexpr const char* runtime_name = "io.containerd.runc.v2";
  Payload runtime_options() const;

  /// Lines of the configuration of a daemon whose sandboxes are of the containerd runtime here.
  std::string daemon_config() const;
  /// Says by which runtime a sandbox is made here.
  void complete(::containerd::services::sandbox::v1::ControllerCreateRequest& request) const;

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
  std::string command_;
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
