#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"

namespace podsandbox {

using Time = std::chrono::system_clock::time_point;

/// Where a sandbox is in its life. `unknown` is for recovery that cannot tell.
enum class Phase : std::uint8_t { unknown, created, starting, ready, stopping, notready, gone };

std::string_view to_string(Phase phase);

/// How a sandbox's first process ended: its exit code, 128 + signal when killed, or `unknown_exit_code`.
struct Exit {
  std::uint32_t status = 0;
  Time at;

  bool operator==(const Exit&) const = default;
};

inline constexpr std::uint32_t unknown_exit_code = 255;

/// What the runtime tells of a sandbox that it started. A pid is only ever trusted together with its start
/// time (clock ticks since boot, field 22 of /proc/PID/stat).
struct Started {
  std::uint32_t pid = 0;
  std::uint64_t start_time = 0;
  Time created_at;
  Labels labels;
  Payload spec;                    // the OCI runtime spec, as JSON
  std::string task_address;        // empty: the runtime has no task API address
  std::uint32_t task_version = 0;  // of the task API at that address
  std::string image;               // that it was made of, by name; empty: none
  std::string snapshotter;         // that has a snapshot of the sandbox's id; empty: there is none

  bool operator==(const Started&) const = default;
};

/// Everything that must be known to go on with a sandbox after its actor died: facts and intents. Phase and
/// next step follow from them (actors/sandbox/lifecycle.hpp), so no two parts of it can contradict.
struct SandboxRecord {
  SpecPtr spec;
  // -- intents, recorded before the side effect that they announce -----------
  bool start_wanted = false;
  bool stop_wanted = false;
  std::chrono::seconds stop_grace{0};  // between SIGTERM and SIGKILL; 0 is SIGKILL at once
  bool removal_wanted = false;
  // -- facts -----------------------------------------------------------------
  std::optional<Started> started;
  std::optional<Exit> exit;
  bool start_answered = false;  // somebody was told that it runs
  std::optional<Error> start_failure;
  bool task_cleaned = false;  // after the exit: nothing is left of the process
  bool all_cleaned = false;   // nothing at all is left
};

}  // namespace podsandbox
