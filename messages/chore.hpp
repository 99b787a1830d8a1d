#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "messages/sandbox_record.hpp"

/// Work on a sandbox that survives failures.
namespace podsandbox {

/// A sandbox's first process ended. Travels exits -> supervisor -> sandbox; handled when the process's
/// remains are cleaned up. Pid and start time tell it from an earlier sandbox of the same id.
struct TaskExit {
  std::string id;
  std::uint32_t pid = 0;
  std::uint64_t start_time = 0;
  Exit exit;

  bool operator==(const TaskExit&) const = default;
};

/// A sandbox that should be gone is not: clean up what is left.
struct Removal {
  std::string id;

  bool operator==(const Removal&) const = default;
};

/// What the supervisor's backoff queues hold: tried again, per sandbox in order, until it succeeds.
using Chore = std::variant<TaskExit, Removal>;

}  // namespace podsandbox
