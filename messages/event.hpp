#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/sandbox_record.hpp"

namespace podsandbox {

enum class EventKind : std::uint8_t {
  created,
  started,
  exited,
  cleaned,  ///< nothing is left of the process
  removed,  ///< nothing is left at all, the id is free
  start_failed,
  retry_scheduled,  ///< a step failed and will be tried again
  actor_restarted,  ///< the sandbox's actor died and has a successor
};

std::string_view to_string(EventKind kind);

/// Something that happened to a sandbox. Sequence numbers start at 1 and have no gaps.
struct Event {
  std::uint64_t sequence = 0;
  Time at;
  EventKind kind = EventKind::created;
  std::string sandbox_id;
  Phase phase = Phase::unknown;
  std::uint32_t pid = 0;
  std::optional<Exit> exit;
  std::string detail;
};

using EventPtr = std::shared_ptr<const Event>;

/// Events in order, and the position behind the last one.
struct EventBatch {
  std::vector<EventPtr> events;
  std::uint64_t next = 1;
};

}  // namespace podsandbox
