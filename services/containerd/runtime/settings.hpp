#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "messages/handler_settings.hpp"

namespace podsandbox::containerd_runtime {

/// What the containerd runtime needs to know.
struct Settings {
  /// Ours alone and used by one daemon at a time. Not on a tmpfs: the pods' files outlive a reboot.
  std::filesystem::path data_dir;
  std::filesystem::path records_dir() const { return data_dir / "containers"; }
  /// Tells this daemon's containers from those of another one.
  std::string owner;
  /// containerd's socket, by whose path the shim of a pod is found.
  std::string containerd_address;
  CriSettings cri;
  std::string nri_config = "/etc/nri/conf.json";
  /// How many starts may be under way at once, and how many removals. One that takes long counts no more:
  /// those that hang keep nobody waiting for ever.
  std::size_t max_operations = 32;
  std::chrono::milliseconds counts_for{5'000};
  /// How long containerd may take to make a task, and to start it.
  std::chrono::milliseconds start_deadline{30'000};
  /// How long a process may take to die when killed, and containerd to remove its task.
  std::chrono::milliseconds removal_deadline{8'000};
  /// How often it is seen whether what runs still does, and what of ours in containerd is nobody's.
  std::chrono::nanoseconds look_every = std::chrono::seconds(20);
  /// What nobody knows of is removed when it has been seen for as long.
  std::chrono::nanoseconds remove_orphans_after = std::chrono::minutes(1);
  bool orphans_dry_run = false;
};

}  // namespace podsandbox::containerd_runtime
