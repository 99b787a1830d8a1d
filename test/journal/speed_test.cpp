#include <boost/test/unit_test.hpp>
#include <chrono>
#include <deque>

#include "test/bench/quantiles.hpp"
#include "test/journal/journal_world.hpp"

/// How fast it is, printed; only what would be a mistake fails.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(speed)

namespace {

using bench::Clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

journal::Write typical_write(std::uint64_t n) {
  return write_of(full_sandbox("pod-" + std::to_string(n % 100)), {recent_event(n)});
}

void report(const std::string& what, double per_second, const std::vector<bench::Nanoseconds>& samples) {
  const auto [median, p99] = bench::quantiles(samples);
  BOOST_TEST_MESSAGE(what << ": " << static_cast<int>(per_second) << " writes/s, p50 "
                          << static_cast<int>(median) << " us, p99 " << static_cast<int>(p99) << " us");
}

/// Writes through the actor, so many at a time. Writes per second.
double measure(JournalWorld& world, std::uint64_t& next, int writes, std::size_t at_a_time) {
  std::deque<std::pair<Clock::time_point, std::function<Result<Done>()>>> under_way;
  std::vector<bench::Nanoseconds> samples;
  const auto begin = Clock::now();
  for (int i = 0; i < writes || !under_way.empty(); ++i) {
    if (i < writes) under_way.emplace_back(Clock::now(), world.begin(typical_write(next++)));
    if (i < writes && under_way.size() < at_a_time) continue;
    BOOST_REQUIRE(under_way.front().second());
    samples.push_back(Clock::now() - under_way.front().first);
    under_way.pop_front();
  }
  const auto per_second = writes / seconds_since(begin);
  report(std::to_string(at_a_time) + " at a time", per_second, samples);
  return per_second;
}

}  // namespace

BOOST_AUTO_TEST_CASE(of_writes) {
  JournalWorld world;
  std::uint64_t next = 1;
  const auto alone = measure(world, next, 1000, 1);
  measure(world, next, 4000, 16);
  const auto together = measure(world, next, 8000, 128);
  BOOST_TEST(together > 2 * alone);
}

BOOST_AUTO_TEST_CASE(of_a_start_with_many_sandboxes) {
  const TemporaryDirectory home;
  constexpr int sandboxes = 10000;
  {
    auto store = open_store(home.path()).store;
    for (int begin = 0; begin < sandboxes; begin += 100) {
      journal::Write write;
      for (int i = begin; i < begin + 100; ++i) {
        const auto id = "pod-" + std::to_string(i);
        write.sandboxes.emplace(id, full_sandbox(id));
        write.events.push_back(recent_event(static_cast<std::uint64_t>(i) + 1));
      }
      must_commit(*store, write);
    }
  }
  const auto begin = Clock::now();
  const auto opened = open_store(home.path());
  BOOST_TEST_MESSAGE("opening " << sandboxes << " sandboxes and as many events, "
                                << std::filesystem::file_size(file_in(home.path())) / sandboxes
                                << " bytes on the disk for one of each: "
                                << static_cast<int>(seconds_since(begin) * 1000) << " ms");
  BOOST_TEST(opened.contents.sandboxes.size() == sandboxes + 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
