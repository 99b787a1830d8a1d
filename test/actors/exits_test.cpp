#include <boost/test/unit_test.hpp>

#include "test/actors/world.hpp"

/// Exits on their way from the runtime to everybody who waits: at once, once, with the true status.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(exits)

/// Cleaning up hangs; the exit is known to waiters, Status and watchers all the same, and a healthy sandbox
/// does not notice.
BOOST_AUTO_TEST_CASE(the_exit_does_not_wait_for_the_cleanup) {
  World world;
  world.run("a");
  world.run("healthy");
  auto waiter = world.ask(WaitSandbox{"a"});
  world.runtime->hang_cleanup.insert("a");
  world.runtime->process_exits("a", 7);
  world.settle();
  BOOST_REQUIRE(*waiter);
  BOOST_TEST((**waiter)->status == 7U);
  BOOST_TEST((world.phase("a") == Phase::notready));
  BOOST_TEST((world.events("a").back() == EventKind::exited));
  BOOST_TEST(world.get(StopSandbox{"healthy"}).has_value());
}

BOOST_AUTO_TEST_CASE(fifty_hung_cleanups_cost_a_healthy_sandbox_nothing) {
  World world;
  for (int i = 0; i < 50; ++i) {
    const auto id = "hung-" + std::to_string(i);
    world.run(id);
    world.runtime->hang_cleanup.insert(id);
    world.runtime->process_exits(id, 1);
  }
  world.settle();
  world.run("healthy");
  BOOST_TEST(world.get(StopSandbox{"healthy"}).has_value());
  BOOST_TEST(world.get(ShutdownSandbox{"healthy"}).has_value());
}

/// The process dies before the runtime's answer to Start has arrived: both are told, in their order.
BOOST_AUTO_TEST_CASE(an_exit_may_overtake_the_start) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  auto started = world.ask(StartSandbox{"a"});
  auto waiter = world.ask(WaitSandbox{"a"});
  while (world.runtime->processes.empty()) BOOST_REQUIRE(world.scheduler.try_run_once());
  world.runtime->process_exits("a", 9);
  world.settle();
  BOOST_REQUIRE((*started && *waiter));
  BOOST_TEST((*started)->has_value());
  BOOST_TEST((**waiter)->status == 9U);
  BOOST_TEST((world.phase("a") == Phase::notready));
}

/// The runtime forgot the process, and cannot say so at first: the sandbox asks until it can.
BOOST_AUTO_TEST_CASE(a_check_that_fails_is_made_again) {
  World world;
  world.run("a");
  world.runtime->process_vanishes("a");
  const Error away{ErrorKind::unavailable, "no keeper"};
  world.runtime->inspect_errors["a"] = {away, away, away};
  auto stopped = world.ask(StopSandbox{"a"});
  world.settle();
  BOOST_TEST(!stopped->has_value());
  BOOST_TEST(world.settle_until([&] { return stopped->has_value(); }));
  BOOST_TEST(world.get(WaitSandbox{"a"})->status == unknown_exit_code);
}

/// An exit that belongs to an earlier sandbox of the same id says nothing about this one.
BOOST_AUTO_TEST_CASE(a_stale_exit_is_not_taken) {
  World world;
  world.run("a");
  const auto old = world.runtime->processes.at("a");
  BOOST_REQUIRE(world.get(ShutdownSandbox{"a"}));
  world.run("a");
  caf::anon_send(find_actor<SupervisorPort>(world.system, names::supervisor),
                 TaskExit{"a", old.pid, old.start_time, Exit{1, {}}});
  world.settle();
  BOOST_TEST((world.phase("a") == Phase::ready));
}

BOOST_AUTO_TEST_CASE(repeated_exits_change_nothing) {
  World world;
  world.run("a");
  const auto process = world.runtime->processes.at("a");
  world.runtime->process_exits("a", 5);
  for (const std::uint32_t status : {5U, 6U}) {
    caf::anon_send(find_actor<SupervisorPort>(world.system, names::supervisor),
                   TaskExit{"a", process.pid, process.start_time, Exit{status, {}}});
  }
  world.settle();
  BOOST_TEST(world.get(WaitSandbox{"a"})->status == 5U);
  BOOST_TEST((world.events("a") ==
              std::vector{EventKind::created, EventKind::started, EventKind::exited, EventKind::cleaned}));
}

/// Nobody saw it die and nobody knows how: found when the runtime is compared with what is known.
BOOST_AUTO_TEST_CASE(a_vanished_process_is_an_unknown_exit) {
  World world;
  world.run("a");
  world.run("healthy");
  auto waiter = world.ask(WaitSandbox{"a"});
  world.runtime->process_vanishes("a");
  world.kill(names::runtime(RuntimeKind::linux));
  world.settle();
  BOOST_REQUIRE(*waiter);
  BOOST_TEST((**waiter)->status == unknown_exit_code);
  BOOST_TEST((world.phase("healthy") == Phase::ready));
}

/// Stop finds the process gone, with an exit that was lost on its way.
BOOST_AUTO_TEST_CASE(stop_finds_a_lost_exit) {
  World world;
  world.run("a");
  world.runtime->process_exits("a", 23, false);
  BOOST_TEST(world.get(StopSandbox{"a"}).has_value());
  BOOST_TEST(world.get(WaitSandbox{"a"})->status == 23U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
