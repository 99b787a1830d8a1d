#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace podsandbox::test {

/// What a client does, or what happens to its sandbox.
enum class Step : std::uint8_t {
  create,
  start,
  see_ready,
  use_shim,      ///< as containerd does when it starts a container
  kill_process,  ///< SIGKILL, behind the daemon's back
  see_exit,      ///< by the Wait that is open since Start was answered
  stop,
  stop_gently,  ///< with more grace than it needs
  shutdown,
};

/// The life of one sandbox, at every point of which the daemon is to be killed.
struct Story {
  std::string name;
  std::vector<Step> steps;
  std::uint32_t exit_status = 137;
  std::size_t killed_from = 0;     ///< only from this step on; those before are another story's
  std::size_t killed_before = 99;  ///< and before this one
  bool cannot_start = false;       ///< it asks for what only its own process finds out to be impossible
  bool has_shim = false;           ///< it is containerd's; only on a site with shims
  bool dies_while_away = false;    ///< its process is killed between two daemons
};

}  // namespace podsandbox::test
