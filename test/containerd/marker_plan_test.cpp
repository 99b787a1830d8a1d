#include "services/containerd/marker_plan.hpp"

#include <boost/test/unit_test.hpp>

#include "test/containerd/calm_world.hpp"

/// What is done so that containerd has a marker for exactly the sandboxes that need one.
namespace podsandbox::test {

using containerd_client::PlanSettings;
using containerd_client::StepKind;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(marker_plan)

BOOST_AUTO_TEST_CASE(a_started_sandbox_gets_a_marker_and_a_removed_one_loses_it) {
  Calm world;
  world.start("a");
  world.settle();
  BOOST_TEST(world.asked() == Lines{"create a"});
  world.remove("a");
  world.settle();
  BOOST_TEST(world.asked() == Lines{"remove a"});
  BOOST_TEST(world.plan.known() == 0U);
  BOOST_TEST(world.notes == Lines());
}

/// Whoever started or removed it is busy with containerd's records then.
BOOST_AUTO_TEST_CASE(events_are_followed_a_little_later) {
  Calm world(PlanSettings{});
  world.start("a");
  BOOST_TEST(moments(world, seconds(5), "create a") == (std::vector<double>{0.02}));
  world.remove("a");
  BOOST_TEST(moments(world, seconds(5), "remove a") == (std::vector<double>{1}));
  BOOST_TEST(world.plan.known() == 0U);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_has_gone_before_that_needs_no_record) {
  Calm world(PlanSettings{});
  world.start("a");
  world.advance(milliseconds(10));
  world.remove("a");
  world.advance(seconds(5));
  BOOST_TEST(world.asked() == Lines());
  BOOST_TEST(world.plan.known() == 0U);
}

/// A removal that is not due yet does not keep its successor waiting, nor is it forgotten over a call that is
/// on its way.
BOOST_AUTO_TEST_CASE(what_is_due_later_is_neither_forgotten_nor_in_the_way) {
  Calm world(PlanSettings{});
  world.start("a");
  world.advance(seconds(1));
  world.asked();
  world.remove("a");
  world.advance(milliseconds(100));
  world.start("a");
  BOOST_TEST(moments(world, seconds(5), "create a") == (std::vector<double>{0.02}));
  BOOST_TEST((world.markers == world.running));

  world.start("b");
  world.hear();
  world.now += milliseconds(20);
  world.go_on();
  world.carry_out(0);
  world.answer(0);
  world.go_on();
  world.carry_out(0);  // it is being made
  world.remove("b");
  world.hear();
  BOOST_TEST(moments(world, seconds(5), "remove b") == (std::vector<double>{1}));
  BOOST_TEST((world.markers == world.running));
}

BOOST_AUTO_TEST_CASE(nothing_is_done_before_the_first_comparison) {
  PlanWorld world;
  world.start("a");
  world.hear();
  world.go_on();
  BOOST_REQUIRE(world.pending.size() == 1U);
  BOOST_TEST((world.pending[0].step.kind == StepKind::compare));
  world.settle();
  BOOST_TEST(world.log == (Lines{"compare", "check settings", "create a"}));
  BOOST_TEST(world.notes == Lines{"info : containerd answers"});
}

BOOST_AUTO_TEST_CASE(the_comparison_finds_what_is_missing_and_what_is_too_many) {
  PlanWorld world;
  world.markers = {"kept", "orphan"};
  world.running = {"kept", "missing"};
  world.settle();
  BOOST_TEST(world.log == (Lines{"compare", "check settings", "create missing", "remove orphan"}));
  BOOST_TEST((world.markers == world.running));
  BOOST_TEST(world.plan.known() == 2U);
}

BOOST_AUTO_TEST_CASE(it_compares_every_minute) {
  Calm world;
  world.markers.insert("orphan");
  world.running.insert("missing");
  const auto at = moments(world, minutes(3), "compare");
  BOOST_TEST(at == (std::vector<double>{60, 120}));
  BOOST_TEST((world.markers == world.running));
}

BOOST_AUTO_TEST_CASE(missed_events_lead_to_a_comparison_at_once) {
  Calm world;
  world.start("a");
  world.lose_events();
  world.settle();
  BOOST_TEST(world.asked() == (Lines{"compare", "check settings", "create a"}));
  world.plan.compare_soon();
  world.go_on();
  world.plan.compare_soon();  // the one on its way may have looked before
  world.settle();
  BOOST_TEST(world.asked() == (Lines{"compare", "compare", "check settings"}));
}

/// What another daemon on this containerd made stays, unless it is the marker of a sandbox that is ours now.
BOOST_AUTO_TEST_CASE(markers_of_another_daemon_are_left_alone) {
  PlanWorld world;
  world.other_markers = {"theirs", "moved"};
  world.running = {"moved"};
  world.settle();
  BOOST_TEST((world.other_markers == std::set<std::string>{"theirs", "moved"}));
  BOOST_TEST(world.log == (Lines{"compare", "check settings"}));
  world.remove("moved");
  world.settle();
  BOOST_TEST((world.other_markers == std::set<std::string>{"theirs"}));
  BOOST_TEST(world.violations == Lines());
}

BOOST_AUTO_TEST_CASE(a_marker_that_exists_already_is_taken_over) {
  Calm world;
  world.markers.insert("a");
  world.start("a");
  world.settle();
  BOOST_TEST(world.asked() == (Lines{"create a", "inspect a"}));
  world.remove("a");
  world.settle();
  BOOST_TEST(world.asked() == Lines{"remove a"});
  BOOST_TEST(world.notes == Lines());
}

BOOST_AUTO_TEST_CASE(the_container_of_somebody_else_is_reported_once_and_never_touched) {
  Calm world;
  world.foreign.insert("a");
  world.start("a");
  world.advance(minutes(10));
  BOOST_REQUIRE(world.notes.size() == 1U);
  BOOST_TEST(
      world.notes[0].starts_with("warn a: its record in containerd cannot be made: there is a container"));
  world.remove("a");
  world.advance(minutes(10));
  BOOST_TEST((world.foreign == std::set<std::string>{"a"}));
  BOOST_TEST(world.plan.known() == 0U);
}

BOOST_AUTO_TEST_CASE(failures_are_tried_again_after_pauses_that_double) {
  Calm world(at_once({.compare_every = std::chrono::hours(1)}));
  world.refusals[StepKind::create] = Error{ErrorKind::internal, "the disk is full"};
  world.start("a");
  const auto at = moments(world, minutes(4), "create a");
  BOOST_TEST(at == (std::vector<double>{0, 1, 3, 7, 15, 31, 63, 123, 183}));
  BOOST_TEST(world.notes == Lines{"warn a: its record in containerd cannot be made: the disk is full"});
  world.refusals[StepKind::create].message = "the disk is broken";
  world.advance(minutes(2));
  BOOST_TEST(world.notes.size() == 2U);
  world.refusals.clear();
  world.advance(minutes(1));
  BOOST_TEST(world.notes.back() == "info a: its record in containerd is right again");
  BOOST_TEST((world.markers == world.running));
}

BOOST_AUTO_TEST_CASE(one_that_fails_delays_no_other_and_an_event_is_reason_to_try_at_once) {
  Calm world(at_once({.compare_every = std::chrono::hours(1)}));
  world.refusals[StepKind::remove] = Error{ErrorKind::internal, "no"};
  world.start("a");
  world.settle();
  world.remove("a");
  world.settle();
  world.refusals.clear();
  world.start("b");
  world.settle();
  BOOST_TEST((world.markers == std::set<std::string>{"a", "b"}));
  world.plan.sandbox_removed("a", world.now);
  world.settle();
  BOOST_TEST((world.markers == std::set<std::string>{"b"}));
}

/// It was not answered, but made all the same, and then nobody wanted it any more.
BOOST_AUTO_TEST_CASE(a_record_that_may_have_been_made_is_looked_for) {
  for (const bool made : {true, false}) {
    Calm world(at_once({.compare_every = std::chrono::hours(1)}));
    world.start("a");
    world.hear();
    world.go_on();
    world.carry_out(0);
    world.answer(0);
    world.go_on();
    world.carry_out(0, made ? PlanWorld::Fate::timed_out : PlanWorld::Fate::refused);
    world.answer(0);
    world.remove("a");
    world.settle();
    BOOST_TEST(world.asked() ==
               (made ? Lines{"create a", "inspect a", "remove a"} : Lines{"create a", "inspect a"}));
    BOOST_TEST(world.markers.empty());
    BOOST_TEST(world.plan.known() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_container_that_exists_only_when_it_is_made_is_no_reason_to_hurry) {
  Calm world;
  world.refusals[StepKind::create] = Error{ErrorKind::already_exists, "exists"};
  world.start("a");
  BOOST_TEST(moments(world, seconds(10), "create a") == (std::vector<double>{0, 1, 3, 7}));
  world.refusals.clear();
  world.advance(seconds(10));
  BOOST_TEST((world.markers == world.running));
}

BOOST_AUTO_TEST_CASE(the_marker_of_an_earlier_sandbox_is_replaced) {
  Calm world;
  world.start("a");
  world.settle();
  world.asked();
  world.remove("a");
  world.start("a");
  world.settle();
  BOOST_TEST(world.asked() == (Lines{"remove a", "create a"}));
  BOOST_TEST((world.markers == world.running));
}

BOOST_AUTO_TEST_CASE(the_marker_of_an_earlier_sandbox_is_replaced_when_containerd_is_back) {
  Calm world;
  world.start("a");
  world.settle();
  world.away = true;
  world.remove("a");
  world.start("a");
  world.settle();
  world.away = false;
  world.asked();
  world.advance(seconds(5));
  BOOST_TEST(world.asked() == (Lines{"compare", "check settings", "remove a", "create a"}));
}

BOOST_AUTO_TEST_CASE(a_marker_that_is_made_for_the_later_sandbox_stays) {
  Calm world;
  world.start("a");
  world.hear();
  world.go_on();
  world.remove("a");
  world.start("a");
  while (world.hear()) {
  }
  world.settle();
  BOOST_TEST(world.asked() == Lines{"create a"});
}

/// What a comparison found before a record was made or deleted says nothing of it.
BOOST_AUTO_TEST_CASE(a_comparison_overrules_no_later_call) {
  Calm world;
  world.start("old");
  world.settle();
  world.asked();
  world.plan.compare_soon();
  world.go_on();
  world.carry_out(0);  // the records are listed: no "new", but "old"
  world.start("new");
  world.remove("old");
  while (world.hear()) {
  }
  for (int steps = 0; steps < 2; ++steps) {
    world.go_on();
    BOOST_REQUIRE(world.pending.size() == 3U);
    for (const std::size_t n : {1U, 2U}) world.carry_out(n);
    for (int n = 0; n < 2; ++n) world.answer(1);
  }
  BOOST_TEST(world.asked() == (Lines{"compare", "create new", "remove old"}));
  world.settle();
  BOOST_TEST(world.asked() == Lines{"check settings"});
}

BOOST_AUTO_TEST_CASE(at_most_eight_calls_are_in_flight) {
  Calm world;
  for (int n = 0; n < 100; ++n) world.start("s" + std::to_string(n));
  while (world.hear()) {
  }
  for (int rounds = 0; rounds < 3; ++rounds) {
    world.go_on();
    BOOST_TEST(world.pending.size() == 8U);
    BOOST_TEST(!world.plan.due());  // an answer comes before anything else can be done
    for (std::size_t n = 0; n < 8; ++n) world.carry_out(n);
    for (std::size_t n = 0; n < 4; ++n) world.answer(0);
  }
  world.settle();
  BOOST_TEST(world.most_in_flight == 8U);
  BOOST_TEST((world.markers == world.running));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
