#include "test/integration/storm_watchers.hpp"

#include <map>

namespace podsandbox::test {

namespace {

constexpr unsigned longest_visit = 400;  // events
constexpr unsigned latest_join_ms = 3000;

}  // namespace

StormWatchers::StormWatchers(const DaemonProcess& daemon, Complaints& complaints, unsigned count,
                             std::string last, unsigned seed)
    : daemon_(daemon), complaints_(complaints), last_(std::move(last)), seen_(count) {
  for (unsigned i = 0; i < count; ++i) {
    threads_.emplace_back([this, i, seed] { watch(i, std::mt19937(seed + i)); });
  }
}

/// The first sees all, and it at once; the others join when chance says so, at the beginning or at what
/// comes.
void StormWatchers::watch(unsigned number, std::mt19937 random) {
  if (number > 0) std::this_thread::sleep_for(std::chrono::milliseconds(random() % latest_join_ms));
  const bool from_the_beginning = number == 0 || random() % 2 == 0;
  std::uint64_t next = from_the_beginning ? 1 : 0;
  const auto name = "watcher " + std::to_string(number);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (read_some(seen_[number], next, 1 + random() % longest_visit, name)) {
    if (std::chrono::steady_clock::now() > deadline) {
      return complaints_.add(name + " did not come further than to event " + std::to_string(next));
    }
    look_again_soon();
  }
}

/// One visit. False when there is nothing left to be seen, or no sense in going on.
bool StormWatchers::read_some(std::vector<v1::Event>& seen, std::uint64_t& next, std::size_t most,
                              const std::string& name) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::WatchRequest request;
  request.set_from_sequence(next);
  const auto stream = daemon_.sandboxes()->Watch(&context, request);
  ++connections_;
  v1::Event event;
  for (std::size_t i = 0; i < most && stream->Read(&event); ++i) {
    if (next == 0) next = event.sequence();
    if (event.sequence() != next) {
      complaints_.add(name + " saw event " + std::to_string(event.sequence()) + " instead of " +
                      std::to_string(next));
      context.TryCancel();
      return false;
    }
    seen.push_back(event);
    ++next;
    if (event.kind() == v1::Event::REMOVED && event.sandbox_id() == last_) {
      context.TryCancel();
      return false;
    }
  }
  context.TryCancel();
  const auto code = stream->Finish().error_code();
  using enum grpc::StatusCode;
  if (code == UNAVAILABLE || code == CANCELLED || code == DEADLINE_EXCEEDED) return true;
  complaints_.add(name + " at " + std::to_string(next) + ": its stream ended with " + std::to_string(code));
  return false;
}

void StormWatchers::finish() {
  threads_.clear();  // joins
  const auto& all = seen_.front();
  for (std::size_t w = 1; w < seen_.size(); ++w) {
    const auto& seen = seen_[w];
    const auto name = "watcher " + std::to_string(w);
    if (seen.empty() || seen.size() > all.size()) {
      complaints_.add(name + " saw " + std::to_string(seen.size()) + " of " + std::to_string(all.size()));
      continue;
    }
    // All end with the same.
    for (std::size_t i = seen.size(), j = all.size(); i > 0; --i, --j) {
      if (seen[i - 1].SerializeAsString() == all[j - 1].SerializeAsString()) continue;
      complaints_.add(name + " saw " + seen[i - 1].ShortDebugString() + " instead of " +
                      all[j - 1].ShortDebugString());
      break;
    }
  }
}

std::string faults_in_stories(const std::vector<v1::Event>& events) {
  using Kind = v1::Event;
  std::map<std::string, std::string> stories;
  for (const auto& event : events) {
    if (event.kind() == Kind::RETRY_SCHEDULED) continue;
    stories[event.sandbox_id()] += v1::Event::Kind_Name(event.kind()) + " ";
  }
  static const char* const sane[] = {"CREATED REMOVED ", "CREATED START_FAILED REMOVED ",
                                     "CREATED STARTED EXITED REMOVED ",
                                     "CREATED STARTED EXITED CLEANED REMOVED "};
  std::string faults;
  for (const auto& [id, story] : stories) {
    if (std::find(std::begin(sane), std::end(sane), story) == std::end(sane)) {
      faults += id + ": " + story + "; ";
    }
  }
  return faults;
}

}  // namespace podsandbox::test
