#include "actors/supervisor/backoff.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

/// The backoff schedule and its queue, by virtual time.
namespace podsandbox {

namespace {

using Queue = BackoffQueue<std::string>;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr double middle = 0.5;  // no jitter either way

}  // namespace

BOOST_AUTO_TEST_SUITE(backoff)

BOOST_AUTO_TEST_CASE(delays_double_up_to_the_cap) {
  const BackoffSchedule schedule;
  for (unsigned n = 1; n <= 9; ++n) BOOST_TEST((schedule.delay(n, middle) == seconds(1U << (n - 1))));
  BOOST_TEST((schedule.delay(10, middle) == minutes(5)));
  BOOST_TEST((schedule.delay(4'000'000'000U, middle) == minutes(5)));
}

BOOST_AUTO_TEST_CASE(jitter_stays_within_its_bounds) {
  const BackoffSchedule schedule;
  BOOST_TEST((schedule.delay(1, 0.0) == milliseconds(800)));
  BOOST_TEST((schedule.delay(1, 0.999999) < milliseconds(1200)));
  BOOST_TEST((schedule.delay(1, 0.999999) > milliseconds(1199)));
  for (unsigned n = 1; n < 20; ++n) {
    for (double random = 0; random < 1; random += 0.01) {
      const auto base = schedule.delay(n, middle);
      BOOST_TEST((schedule.delay(n, random) >= base * 8 / 10));
      BOOST_TEST((schedule.delay(n, random) <= base * 12 / 10));
    }
  }
}

BOOST_AUTO_TEST_CASE(items_keep_their_order_and_failures_hold_up_all_behind) {
  const BackoffSchedule schedule;
  Queue queue;
  Queue::Clock::time_point now;
  queue.push("first");
  queue.push("second");
  BOOST_TEST(queue.ready(now));
  BOOST_TEST(queue.front() == "first");
  queue.failed(schedule, now, middle, "no");
  BOOST_TEST(queue.failures() == 1U);
  BOOST_TEST(queue.last_error() == "no");
  BOOST_TEST(!queue.ready(now));
  BOOST_TEST(!queue.ready(now + milliseconds(999)));
  BOOST_TEST(queue.ready(now + seconds(1)));
  now += seconds(1);
  queue.failed(schedule, now, middle, "no");
  BOOST_TEST(!queue.ready(now + milliseconds(1999)));
  now += seconds(2);
  queue.succeeded();
  BOOST_TEST(queue.front() == "second");
  BOOST_TEST(queue.ready(now));  // its own attempts start at once, from the shortest delay
  queue.failed(schedule, now, middle, "no");
  BOOST_TEST(queue.ready(now + seconds(1)));
  queue.succeeded();
  BOOST_TEST(queue.empty());
  BOOST_TEST(!queue.due());
}

/// What arrives while the front item is being tried is neither lost nor does it overtake or hasten it.
BOOST_AUTO_TEST_CASE(arrivals_during_an_attempt_are_merged) {
  const BackoffSchedule schedule;
  Queue queue;
  const Queue::Clock::time_point now;
  queue.push("first");
  queue.failed(schedule, now, middle, "no");
  queue.push("second");
  queue.push("first");  // the same again: it is there already
  BOOST_TEST(queue.items().size() == 2U);
  BOOST_TEST(!queue.ready(now));
  BOOST_TEST((*queue.due() == now + seconds(1)));
  queue.retry_now();
  BOOST_TEST(queue.ready(now));
  BOOST_TEST(queue.failures() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox
