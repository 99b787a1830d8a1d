#include <boost/test/unit_test.hpp>

#include "test/actors/world.hpp"

/// What fails is tried again: 1 s, 2 s, 4 s…, per sandbox, visible, and never in anybody's way.
namespace podsandbox::test {

namespace {

const Error busy{ErrorKind::internal, "device or resource busy"};

Settings without_jitter() {
  Settings settings;
  settings.backoff.jitter = 0;
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retries)

BOOST_AUTO_TEST_CASE(a_failed_cleanup_is_retried_with_backoff) {
  World world(without_jitter());
  world.run("a");
  world.runtime->cleanup_errors["a"] = {busy, busy, busy};
  world.runtime->process_exits("a", 4);
  world.settle();
  BOOST_TEST(world.runtime->count("clean task a") == 1U);
  const auto listing = world.get(GetSandbox{"a"});
  BOOST_REQUIRE(listing->retries.size() == 1U);
  BOOST_TEST(listing->retries[0].what == "handle exit");
  BOOST_TEST(listing->retries[0].attempts == 1U);
  BOOST_TEST(listing->retries[0].last_error.find("busy") != std::string::npos);
  world.advance(std::chrono::milliseconds(1001));
  BOOST_TEST(world.runtime->count("clean task a") == 2U);
  world.advance(std::chrono::milliseconds(1900));
  BOOST_TEST(world.runtime->count("clean task a") == 2U);
  world.advance(std::chrono::milliseconds(101));
  BOOST_TEST(world.runtime->count("clean task a") == 3U);
  world.advance(std::chrono::milliseconds(4001));
  BOOST_TEST(world.runtime->count("clean task a") == 4U);
  BOOST_TEST(world.get(GetSandbox{"a"})->retries.empty());
  BOOST_TEST((world.events("a").back() == EventKind::cleaned));
}

/// Stop tells that cleaning up failed; asking again tries again at once, and the queued retry finds it done.
BOOST_AUTO_TEST_CASE(stop_reports_a_failed_cleanup_and_repeating_it_retries) {
  World world(without_jitter());
  world.run("a");
  world.runtime->cleanup_errors["a"] = {busy};
  const auto stopped = world.get(StopSandbox{"a"});
  BOOST_TEST((stopped.error().kind == ErrorKind::internal));
  BOOST_TEST((world.phase("a") == Phase::notready));
  BOOST_TEST(world.get(StopSandbox{"a"}).has_value());
  BOOST_TEST(world.runtime->count("clean task a") == 2U);
  world.advance(std::chrono::seconds(2));
  BOOST_TEST(world.get(GetSandbox{"a"})->retries.empty());
  BOOST_TEST(world.runtime->count("clean task a") == 2U);
}

BOOST_AUTO_TEST_CASE(shutdown_that_fails_is_finished_without_its_caller) {
  World world(without_jitter());
  world.run("a");
  world.runtime->cleanup_errors["a"] = {busy, busy};
  BOOST_TEST((world.get(ShutdownSandbox{"a"}).error().kind == ErrorKind::internal));
  BOOST_TEST(world.get(WaitSandbox{"a"})->status == 137U);
  world.advance(std::chrono::seconds(5));
  BOOST_TEST((world.get(GetSandbox{"a"}).error().kind == ErrorKind::not_found));
}

/// Start failed and so did undoing it: the caller gets Start's error at once, the rest goes on.
BOOST_AUTO_TEST_CASE(a_failed_rollback_is_retried) {
  World world(without_jitter());
  BOOST_REQUIRE(world.create("a"));
  world.runtime->start_errors["a"] = {{ErrorKind::resource_exhausted, "no space"}};
  world.runtime->cleanup_errors["a"] = {busy};
  BOOST_TEST((world.start("a").error().kind == ErrorKind::resource_exhausted));
  const auto listing = world.get(GetSandbox{"a"});
  BOOST_REQUIRE(listing);
  BOOST_TEST(listing->view.start_failure.find("no space") != std::string::npos);
  BOOST_REQUIRE(listing->retries.size() == 1U);
  BOOST_TEST(listing->retries[0].what == "remove");
  world.advance(std::chrono::seconds(2));
  BOOST_TEST((world.get(GetSandbox{"a"}).error().kind == ErrorKind::not_found));
}

/// The runtime does not answer at all: each attempt is bounded, the next one comes.
BOOST_AUTO_TEST_CASE(a_hung_cleanup_times_out_and_is_retried) {
  World world(without_jitter());
  world.run("a");
  world.runtime->hang_cleanup.insert("a");
  world.runtime->process_exits("a", 4);
  world.advance(std::chrono::seconds(10));
  BOOST_TEST(world.get(GetSandbox{"a"})->retries.size() == 1U);
  world.runtime->hang_cleanup.clear();
  world.advance(std::chrono::seconds(2));
  BOOST_TEST(world.get(GetSandbox{"a"})->retries.empty());
}

/// Retries survive the actor whose work they are, and the supervisor that schedules them.
BOOST_AUTO_TEST_CASE(retries_survive_deaths) {
  World world(without_jitter());
  world.run("a");
  world.runtime->cleanup_errors["a"] = {busy, busy, busy};
  world.runtime->process_exits("a", 4);
  world.settle();
  world.kill_sandbox("a");
  world.settle();
  world.kill(names::supervisor);
  world.settle();
  BOOST_TEST(world.get(WaitSandbox{"a"})->status == 4U);
  BOOST_TEST(world.settle_until([&] { return world.get(GetSandbox{"a"})->retries.empty(); },
                                std::chrono::seconds(20)));
  BOOST_TEST(world.runtime->processes.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
