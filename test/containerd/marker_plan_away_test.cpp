#include <boost/test/unit_test.hpp>

#include "test/containerd/calm_world.hpp"

/// What becomes of the markers while containerd is away, or does not do all that it is asked.
namespace podsandbox::test {

using containerd_client::StepKind;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(marker_plan_away)

BOOST_AUTO_TEST_CASE(while_containerd_is_away_only_the_comparison_is_tried) {
  PlanWorld world;
  world.away = true;
  for (int n = 0; n < 100; ++n) world.start("s" + std::to_string(n));
  const auto at = moments(world, seconds(20), "compare");
  BOOST_TEST(at == (std::vector<double>{0, 1, 3, 7, 12, 17}));
  BOOST_TEST(world.plan.known() == 0U);
  BOOST_TEST(world.notes == Lines{"warn : containerd does not answer: no such socket"});
  world.away = false;
  world.advance(seconds(5));
  BOOST_TEST((world.markers == world.running));
  BOOST_TEST(world.notes.back() == "info : containerd answers");
}

BOOST_AUTO_TEST_CASE(a_call_that_finds_containerd_away_is_no_failure_of_its_sandbox) {
  Calm world;
  world.start("gone");
  world.settle();
  world.away = true;
  world.start("a");
  world.start("b");
  world.remove("gone");
  world.advance(minutes(2));
  BOOST_TEST(world.notes == Lines{"warn : containerd does not answer: no such socket"});
  world.away = false;
  world.asked();
  world.advance(seconds(5));
  BOOST_TEST(world.asked() == (Lines{"compare", "check settings", "create a", "create b", "remove gone"}));
  world.away = true;
  world.advance(minutes(2));
  world.away = false;
  world.advance(seconds(5));
  BOOST_TEST(world.notes.size() == 4U);  // told each time that it goes and comes
}

/// Pods are started by containerd: it must be there again.
BOOST_AUTO_TEST_CASE(a_start_hastens_the_next_attempt_but_not_below_a_second) {
  PlanWorld world;
  world.away = true;
  world.advance(seconds(30));
  world.now += milliseconds(1);
  world.log.clear();
  for (int n = 0; n < 10; ++n) {
    world.start("a");
    world.advance(milliseconds(200));
  }
  BOOST_TEST(world.log.size() >= 2U);
  BOOST_TEST(world.log.size() <= 3U);
}

BOOST_AUTO_TEST_CASE(a_start_that_the_first_comparison_came_too_early_for_is_not_missed) {
  PlanWorld world;
  world.go_on();
  while (!world.pending.at(0).complete()) world.carry_out(0);
  world.start("a");
  world.hear();
  world.answer(0);
  world.settle();
  BOOST_TEST((world.markers == world.running));
}

BOOST_AUTO_TEST_CASE(a_comparison_that_fails_does_not_stop_the_rest) {
  Calm world;
  world.refusals[StepKind::compare] = Error{ErrorKind::resource_exhausted, "too many records"};
  world.advance(minutes(5));
  world.start("a");
  world.settle();
  BOOST_TEST((world.markers == world.running));
  BOOST_TEST(world.notes == Lines{"warn : containerd's records cannot be listed: too many records"});
}

BOOST_AUTO_TEST_CASE(settings_are_checked_with_each_comparison) {
  Calm world;
  BOOST_TEST(moments(world, seconds(150), "check settings") == (std::vector<double>{60, 120}));
  world.away = true;
  world.advance(minutes(1));
  BOOST_TEST(moments(world, minutes(1), "check settings").empty());
  world.away = false;
  world.refusals[StepKind::check_settings] = Error{ErrorKind::unavailable, "CRI is not ready yet"};
  const auto at = moments(world, seconds(30), "check settings");
  BOOST_TEST_REQUIRE(at.size() == 5U);
  for (std::size_t n = 1; n < at.size(); ++n) BOOST_TEST(at[n] - at[n - 1] == 1U << (n - 1));
  BOOST_TEST(world.plan.connected());  // CRI is not containerd
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
