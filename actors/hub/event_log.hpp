#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "messages/event.hpp"

namespace podsandbox {

/// The last `capacity` events, numbered from 1 without gaps. The supervisor writes, the hub reads; it
/// outlives both. An event is read once it is published: a number that somebody saw is never given again, so
/// it has to be durable before. Thread-safe.
class EventLog {
 public:
  explicit EventLog(std::size_t capacity) : capacity_(capacity) {}

  /// Goes on after these events, which are published; `next` is the position behind the last one.
  EventLog(std::size_t capacity, std::vector<Event> events, std::uint64_t next);

  /// Numbers the event and keeps it; the oldest may be dropped for it.
  EventPtr append(Event event);

  /// Lets everything up to this position be read.
  void publish(std::uint64_t last);

  /// All that are kept, published or not.
  std::vector<EventPtr> all() const;

  /// The events from position `from` on, at most `limit`; none when `from` is the next position.
  /// OUT_OF_RANGE when `from` is no longer kept or lies in the future.
  Result<EventBatch> read(std::uint64_t from, std::size_t limit) const;

  /// The position that the next event to be published will have.
  std::uint64_t next() const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::uint64_t first_ = 1;  // the position of events_.front()
  std::deque<EventPtr> events_;
  std::uint64_t published_ = 0;  // the last position that may be read
};

}  // namespace podsandbox
