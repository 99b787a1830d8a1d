#pragma once

#include <chrono>
#include <filesystem>

namespace podsandbox::linux_runtime {

/// What the linux runtime needs to know.
struct Settings {
  /// Ours alone (made with mode 0700): the keeper's socket and one small file for each sandbox. On a tmpfs,
  /// and used by one daemon at a time. Its path must leave room for a socket's name (90 bytes).
  std::filesystem::path state_dir;
  std::filesystem::path keeper_program;
  std::filesystem::path pause_program;
  /// How long a pause process may take to set itself up, and to die when killed.
  std::chrono::milliseconds deadline{10'000};
};

}  // namespace podsandbox::linux_runtime
