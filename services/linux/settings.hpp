#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "messages/handler_settings.hpp"
#include "services/linux/shims/shim_plan.hpp"

namespace podsandbox::linux_runtime {

/// Of what bears our mark and belongs to nothing that is known.
struct SweepSettings {
  std::chrono::nanoseconds remove_after = std::chrono::minutes(1);  ///< that it was first found
  bool dry_run = false;                                             ///< it is only told of
  std::chrono::nanoseconds look_every = std::chrono::seconds(20);   ///< less often where a look takes long
};

/// What the linux runtime needs to know.
struct Settings {
  /// Ours alone (made with mode 0700) and used by one daemon at a time: the keeper's socket, and sockets and
  /// bundles of the pods' shims. On a tmpfs. Its path must leave room for a socket's name (shim_place.hpp).
  std::filesystem::path state_dir;
  /// What the marks on all that we make say: that directory, which outlives a reboot and the loss of all
  /// files.
  std::string owner() const {
    const auto path = state_dir.lexically_normal();
    return path.has_filename() ? path : path.parent_path();
  }
  /// The same, for one small file for each sandbox. Not on a tmpfs: the pods' files outlive a reboot, too.
  std::filesystem::path data_dir;
  std::filesystem::path records_dir() const { return data_dir / "sandboxes"; }
  std::filesystem::path keeper_program;
  std::filesystem::path pause_program;
  /// Where the pods' files go, and what CRI's configuration says of a handler's pods.
  CriSettings cri;
  /// containerd's socket, for the shims of its pods; empty: there is no containerd, and pods get no shims.
  std::string containerd_address;
  /// The D-Bus on which systemd is; empty: the system bus.
  std::string systemd_bus;
  /// How long a pause process may take to set itself up, and to die when killed, and systemd to make and to
  /// remove its scope.
  std::chrono::milliseconds deadline{10'000};
  SweepSettings sweep;
  ShimTimes shims;
};

}  // namespace podsandbox::linux_runtime
