#include <boost/test/unit_test.hpp>

#include "test/actors/world.hpp"

/// How a sandbox comes to be, or does not: Create and Start.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(starts)

BOOST_AUTO_TEST_CASE(create_is_idempotent_until_start) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  BOOST_TEST(world.create("a").has_value());
  const auto other = world.get(CreateSandbox{World::spec("a", "other-host")});
  BOOST_TEST((other.error().kind == ErrorKind::already_exists));
  BOOST_REQUIRE(world.start("a"));
  BOOST_TEST((world.create("a").error().kind == ErrorKind::already_exists));
}

BOOST_AUTO_TEST_CASE(a_second_start_answers_what_the_first_did) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  const auto first = world.start("a");
  const auto second = world.start("a");
  BOOST_REQUIRE(first);
  BOOST_REQUIRE(second);
  BOOST_TEST((*first == *second));
  BOOST_TEST(world.runtime->count("start a") == 1U);
}

BOOST_AUTO_TEST_CASE(two_starts_at_once_are_one) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  auto first = world.ask(StartSandbox{"a"});
  auto second = world.ask(StartSandbox{"a"});
  world.settle();
  BOOST_REQUIRE(*first && *second);
  BOOST_TEST((***first == ***second));
  BOOST_TEST(world.runtime->count("start a") == 1U);
}

BOOST_AUTO_TEST_CASE(an_exited_sandbox_cannot_be_started_again) {
  World world;
  world.run("a");
  world.runtime->process_exits("a", 3);
  world.settle();
  BOOST_TEST((world.start("a").error().kind == ErrorKind::failed_precondition));
}

/// A failed Start leaves nothing: the remains are removed before the answer, and the id is free again.
BOOST_AUTO_TEST_CASE(a_failed_start_is_undone) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  auto waiter = world.ask(WaitSandbox{"a"});
  world.runtime->start_errors["a"].push_back({ErrorKind::invalid_argument, "netns_path: no such file"});
  const auto started = world.start("a");
  BOOST_TEST((started.error().kind == ErrorKind::invalid_argument));
  BOOST_TEST(started.error().message.find("start sandbox a") != std::string::npos);
  BOOST_TEST(world.runtime->log.back() == "clean all a");
  BOOST_REQUIRE(*waiter);
  BOOST_TEST(((*waiter)->error().kind == ErrorKind::not_found));
  BOOST_TEST((world.get(GetSandbox{"a"}).error().kind == ErrorKind::not_found));
  world.run("a");
  BOOST_TEST((world.phase("a") == Phase::ready));
}

/// containerd never calls again for a sandbox whose Start it gave up.
BOOST_AUTO_TEST_CASE(a_start_whose_caller_went_away_is_undone) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  world.runtime->hang_start.insert("a");
  auto started = world.ask(StartSandbox{"a"});
  world.settle();
  world.desk.caller_gone(world.last_call);
  world.settle();
  BOOST_REQUIRE(*started);
  BOOST_TEST(((*started)->error().kind == ErrorKind::cancelled));
  BOOST_TEST(world.runtime->log.back() == "clean all a");
  BOOST_TEST((world.get(GetSandbox{"a"}).error().kind == ErrorKind::not_found));
}

/// The client gave up in the moment in which the runtime was done.
BOOST_AUTO_TEST_CASE(a_start_that_succeeds_for_nobody_is_undone) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  auto started = world.ask(StartSandbox{"a"});
  world.desk.caller_gone(world.last_call);
  world.settle();
  BOOST_TEST(world.runtime->processes.empty());
  BOOST_TEST((world.get(GetSandbox{"a"}).error().kind != ErrorKind::internal));
}

BOOST_AUTO_TEST_CASE(one_of_two_starters_going_away_harms_nobody) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  auto first = world.ask(StartSandbox{"a"});
  auto second = world.ask(StartSandbox{"a"});
  world.desk.caller_gone(world.last_call);
  world.settle();
  BOOST_REQUIRE(*first);
  BOOST_TEST((*first)->has_value());
  BOOST_TEST((world.phase("a") == Phase::ready));
}

/// Neither does it for one whose Create it gave up, at whatever moment that was.
BOOST_AUTO_TEST_CASE(a_create_is_answered_or_leaves_nothing) {
  unsigned answered = 0;
  unsigned undone = 0;
  for (int steps = 0; answered < 3; ++steps) {
    World world;
    auto created = world.ask(CreateSandbox{World::spec("a")});
    for (int step = 0; step < steps; ++step) world.scheduler.try_run_once();
    world.desk.caller_gone(world.last_call);
    world.settle();
    BOOST_REQUIRE(*created);
    const bool exists = world.get(GetSandbox{"a"}).has_value();
    BOOST_TEST((*created)->has_value() == exists, "after " << steps << " steps");
    BOOST_TEST((exists || world.runtime->processes.empty()));
    ++((*created)->has_value() ? answered : undone);
    if (!exists) world.run("a");  // the id is free
  }
  BOOST_TEST(undone > 4U);
}

/// Somebody was told that there is one, however often others ask for the same.
BOOST_AUTO_TEST_CASE(a_repeated_create_whose_caller_went_away_takes_nothing_from_the_first) {
  for (int steps = 0; steps < 12; ++steps) {
    World world;
    BOOST_REQUIRE(world.create("a"));
    auto again = world.ask(CreateSandbox{World::spec("a")});
    for (int step = 0; step < steps; ++step) world.scheduler.try_run_once();
    world.desk.caller_gone(world.last_call);
    world.settle();
    BOOST_TEST((world.phase("a") == Phase::created));
    BOOST_TEST(again->has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_create_of_one_that_is_being_removed_is_told_so) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  world.runtime->hang_cleanup.insert("a");
  auto removed = world.ask(ShutdownSandbox{"a"});
  world.settle();
  const auto created = world.create("a");
  BOOST_TEST((created.error().kind == ErrorKind::already_exists));
  BOOST_TEST(created.error().message.find("removed") != std::string::npos);
}

/// A start that hangs fails after its timeout, and is undone.
BOOST_AUTO_TEST_CASE(a_start_that_hangs_times_out) {
  Settings settings;
  settings.start_timeout = std::chrono::seconds(3);
  World world(settings);
  BOOST_REQUIRE(world.create("a"));
  world.runtime->hang_start.insert("a");
  auto started = world.ask(StartSandbox{"a"});
  world.advance(std::chrono::seconds(2));
  BOOST_TEST(!started->has_value());
  world.advance(std::chrono::seconds(2));
  BOOST_REQUIRE(*started);
  BOOST_TEST(((*started)->error().kind == ErrorKind::deadline_exceeded));
  BOOST_TEST(world.runtime->log.back() == "clean all a");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
