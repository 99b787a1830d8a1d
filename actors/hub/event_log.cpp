#include "actors/hub/event_log.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace podsandbox {

EventLog::EventLog(std::size_t capacity, std::vector<Event> events, std::uint64_t next)
    : capacity_(capacity), first_(next), published_(next - 1) {
  const auto surplus = events.size() > capacity ? events.size() - capacity : 0;
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(surplus));
  first_ -= events.size();
  for (auto& event : events) events_.push_back(std::make_shared<const Event>(std::move(event)));
}

EventPtr EventLog::append(Event event) {
  const std::lock_guard lock(mutex_);
  event.sequence = first_ + events_.size();
  events_.push_back(std::make_shared<const Event>(std::move(event)));
  if (events_.size() > capacity_) {
    events_.pop_front();
    ++first_;
  }
  return events_.back();
}

Result<EventBatch> EventLog::read(std::uint64_t from, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t next = published_ + 1;
  if (from == next) return EventBatch{{}, next};
  if (from < first_) {
    return failure(
        ErrorKind::out_of_range,
        "event " + std::to_string(from) + " is no longer kept; the oldest is " + std::to_string(first_));
  }
  if (from > next) {
    return failure(
        ErrorKind::out_of_range,
        "event " + std::to_string(from) + " is in the future; the next one will be " + std::to_string(next));
  }
  const auto begin = events_.begin() + static_cast<std::ptrdiff_t>(from - first_);
  const auto count = std::min<std::size_t>(limit, next - from);
  return EventBatch{{begin, begin + static_cast<std::ptrdiff_t>(count)}, from + count};
}

void EventLog::publish(std::uint64_t last) {
  const std::lock_guard lock(mutex_);
  published_ = std::max(published_, last);
}

std::vector<EventPtr> EventLog::all() const {
  const std::lock_guard lock(mutex_);
  return {events_.begin(), events_.end()};
}

std::uint64_t EventLog::next() const {
  const std::lock_guard lock(mutex_);
  return published_ + 1;
}

}  // namespace podsandbox
