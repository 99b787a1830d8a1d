#include <boost/test/unit_test.hpp>

#include "test/journal/stores.hpp"

/// The journal does not grow without end.
namespace podsandbox::test {

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(bounds)

namespace {

constexpr std::uintmax_t mebibyte = 1U << 20U;

std::uintmax_t size_of(const fs::path& directory) {
  std::uintmax_t size = 0;
  for (const auto& entry : fs::directory_iterator(directory)) size += entry.file_size();
  return size;
}

std::vector<Event> events(std::uint64_t first, std::uint64_t count,
                          Time at = std::chrono::system_clock::now()) {
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < count; ++i) {
    events.push_back(recent_event(first + i));
    events.back().at = at;
  }
  return events;
}

}  // namespace

BOOST_AUTO_TEST_CASE(only_so_many_events_are_kept) {
  const TemporaryDirectory home;
  const journal::Limits limits{10, std::chrono::hours(1)};
  must_commit(*open_store(home.path(), limits).store, {{}, events(1, 25)});
  // With a more generous limit one sees what is in the file.
  const auto contents = contents_of(home.path());
  BOOST_REQUIRE(contents.events.size() == 10U);
  BOOST_TEST(contents.events.front().sequence == 16U);
  BOOST_TEST(contents.next_sequence == 26U);
  BOOST_TEST(contents_of(home.path(), {3, std::chrono::hours(1)}).events.size() == 3U);
}

BOOST_AUTO_TEST_CASE(old_events_are_not_kept) {
  const TemporaryDirectory home;
  const auto now = std::chrono::system_clock::now();
  {
    auto store = open_store(home.path(), {100, std::chrono::hours(1)}).store;
    must_commit(*store, {{}, events(1, 5, now - std::chrono::hours(2))});
    must_commit(*store, {{}, events(6, 5, now - std::chrono::minutes(30))});
  }
  const auto contents = contents_of(home.path());
  BOOST_REQUIRE(contents.events.size() == 5U);
  BOOST_TEST(contents.events.front().sequence == 6U);
  BOOST_TEST(contents_of(home.path(), {100, std::chrono::minutes(10)}).events.empty());
}

/// A number is never given twice, even when all events were too old to be kept.
BOOST_AUTO_TEST_CASE(numbers_go_on_when_all_events_are_gone) {
  const TemporaryDirectory home;
  const journal::Limits limits{100, std::chrono::hours(1)};
  const auto long_ago = std::chrono::system_clock::now() - std::chrono::hours(48);
  must_commit(*open_store(home.path(), limits).store, {{}, events(1, 5, long_ago)});
  const auto contents = contents_of(home.path(), limits);
  BOOST_TEST(contents.events.empty());
  BOOST_TEST(contents.next_sequence == 6U);
}

/// One event whose clock was wrong must not take the ones before it along, nor leave a gap.
BOOST_AUTO_TEST_CASE(events_go_from_the_oldest_on) {
  const TemporaryDirectory home;
  const auto now = std::chrono::system_clock::now();
  {
    auto store = open_store(home.path(), {100, std::chrono::hours(1)}).store;
    must_commit(*store, {{}, events(1, 2, now)});
    must_commit(*store, {{}, events(3, 2, now - std::chrono::hours(2))});
    must_commit(*store, {{}, events(5, 2, now)});
  }
  BOOST_TEST(contents_of(home.path()).events.size() == 6U);
}

BOOST_AUTO_TEST_CASE(two_hundred_thousand_events_leave_a_small_file) {
  const TemporaryDirectory home;
  const journal::Limits limits{4096, std::chrono::hours(1)};
  std::uintmax_t largest = 0;
  {
    auto store = open_store(home.path(), limits).store;
    for (std::uint64_t first = 1; first < 200000; first += 200) {
      must_commit(*store, {{}, events(first, 200)});
      if (first % 10000 == 1) largest = std::max(largest, size_of(home.path()));
    }
  }
  BOOST_TEST_MESSAGE("at most " << largest / 1024 << " KiB, at the end " << size_of(home.path()) / 1024);
  BOOST_TEST(largest < 10 * mebibyte);
  BOOST_TEST(size_of(home.path()) < 2 * mebibyte);
  const auto contents = contents_of(home.path(), limits);
  BOOST_TEST(contents.events.size() == 4096U);
  BOOST_TEST(contents.next_sequence == 200001U);
}

/// What a burst has taken is given back.
BOOST_AUTO_TEST_CASE(the_file_shrinks_again) {
  const TemporaryDirectory home;
  auto store = open_store(home.path()).store;
  auto large = bare_sandbox("large");
  large.last_error.assign(10 * mebibyte, 'x');
  for (const char* id : {"a", "b", "c"}) {
    auto spec = *large.record.spec;
    spec.id = id;
    large.record.spec = std::make_shared<const SandboxSpec>(spec);
    must_commit(*store, write_of(large));
  }
  BOOST_TEST(size_of(home.path()) > 30 * mebibyte);
  must_commit(*store, {{{"a", {}}, {"b", {}}, {"c", {}}}, {}});
  auto small = bare_sandbox("small");
  while (small.actors++ < 1000) must_commit(*store, write_of(small));
  BOOST_TEST(size_of(home.path()) < 10 * mebibyte);
  store.reset();
  BOOST_TEST(size_of(home.path()) < 2 * mebibyte);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
