#pragma once

#include <cstdint>
#include <deque>
#include <mutex>

#include "messages/event.hpp"

namespace podsandbox {

/// The last `capacity` events, numbered from 1 without gaps. The supervisor writes, the hub reads; it
/// outlives both. Thread-safe.
class EventLog {
 public:
  explicit EventLog(std::size_t capacity) : capacity_(capacity) {}

  /// Numbers the event and keeps it; the oldest may be dropped for it.
  EventPtr append(Event event);

  /// The events from position `from` on, at most `limit`; none when `from` is the next position.
  /// OUT_OF_RANGE when `from` is no longer kept or lies in the future.
  Result<EventBatch> read(std::uint64_t from, std::size_t limit) const;

  /// The position that the next event will have.
  std::uint64_t next() const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::uint64_t first_ = 1;  // the position of events_.front()
  std::deque<EventPtr> events_;
};

}  // namespace podsandbox
