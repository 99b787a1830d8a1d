#include "test/journal/stream.hpp"

#include <utility>

#include "test/journal/samples.hpp"

namespace podsandbox::test::stream {

namespace {

constexpr std::uint64_t long_lived = 7;

std::string number(std::uint64_t n) {
  return std::to_string(n);
}

// Of all sizes, so that rows fill parts of pages and several of them.
StoredSandbox sandbox(const std::string& id, std::uint64_t n) {
  auto sandbox = bare_sandbox(id);
  sandbox.actors = static_cast<std::uint32_t>(n);
  sandbox.last_error.assign(n * 7919 % 6000, static_cast<char>('a' + n % 26));
  return sandbox;
}

std::string long_lived_id(std::uint64_t n) {
  return "lasting-" + number(n % long_lived);
}

std::string short_lived_id(std::uint64_t n) {
  return "passing-" + number(n);
}

std::map<std::string, StoredSandbox> expected(std::uint64_t n) {
  std::map<std::string, StoredSandbox> all;
  if (n == 0) return all;
  for (std::uint64_t i = n < long_lived ? 1 : n - long_lived + 1; i <= n; ++i) {
    all.insert_or_assign(long_lived_id(i), sandbox(long_lived_id(i), i));
  }
  all.insert_or_assign("newest", sandbox("newest", n));
  all.insert_or_assign(short_lived_id(n), sandbox(short_lived_id(n), n));
  return all;
}

Event event(std::uint64_t sequence) {
  auto event = full_event(sequence);
  event.at = Time(std::chrono::hours(24 * 365 * 100));  // never too old
  return event;
}

}  // namespace

journal::Write write(std::uint64_t n) {
  journal::Write write;
  for (const auto& id : {long_lived_id(n), short_lived_id(n), std::string("newest")}) {
    write.sandboxes.emplace(id, sandbox(id, n));
  }
  if (n > 1) write.sandboxes.emplace(short_lived_id(n - 1), std::nullopt);
  write.events = {event(2 * n - 1), event(2 * n)};
  return write;
}

std::int64_t writes_in(const journal::Contents& contents, std::string& why) {
  const auto n = (contents.next_sequence - 1) / 2;
  if (contents.next_sequence % 2 == 0) why = "half of the events of a write";
  for (const auto& found : contents.events) {
    if (!same(found, event(found.sequence))) why = "event " + number(found.sequence) + " is another one";
  }
  const auto sandboxes = expected(n);
  for (const auto& [id, sandbox] : sandboxes) {
    const auto it = contents.sandboxes.find(id);
    if (it == contents.sandboxes.end()) {
      why = id + " is missing after write " + number(n);
    } else if (!same(it->second, sandbox)) {
      why = id + " is another one after write " + number(n);
    }
  }
  if (contents.sandboxes.size() > sandboxes.size()) why = "too many sandboxes after write " + number(n);
  return why.empty() ? static_cast<std::int64_t>(n) : -1;
}

}  // namespace podsandbox::test::stream
