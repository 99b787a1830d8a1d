#include "services/linux/shims/shim_plan.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "test/linux/shim_plan_world.hpp"

namespace podsandbox::test {

using namespace std::chrono_literals;
using World = ShimWorld;
using Event = ShimWorld::Event;

namespace {

const std::vector<Event> all_events{Event::begin,
                                    Event::begin_with_running,
                                    Event::begin_with_ended,
                                    Event::connection,
                                    Event::started,
                                    Event::start_failed,
                                    Event::ended_well,
                                    Event::ended_badly,
                                    Event::lost_listed,
                                    Event::timer,
                                    Event::end_asked,
                                    Event::end_given_up,
                                    Event::end_done,
                                    Event::end_failed};

unsigned walk(const World& world, unsigned steps) {
  unsigned ways = 1;
  if (steps == 0) return ways;
  for (const auto event : all_events) {
    if (world.may(event)) {
      for (const bool fails : {false, true}) {
        World next = world;
        next.listening_fails = fails;
        next.happen(event);
        next.check_alive();
        ways += walk(next, steps - 1);
      }
    } else if (world.may_be_late(event)) {
      World next = world;
      const auto done = [&] {
        switch (event) {
          case Event::lost_listed:
            return next.plan.lost_listed();
          case Event::connection:
            return next.plan.connection();
          default:
            return next.plan.timer(false);
        }
      }();
      BOOST_TEST(done.empty(),
                 "something is done about a late event " << static_cast<int>(event) << ":" << world.story);
    }
  }
  return ways;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shim_plan)

BOOST_AUTO_TEST_CASE(whatever_happens_in_whatever_order) {
  const auto ways = walk(World(), 8);
  BOOST_TEST_MESSAGE(ways << " states");
  BOOST_TEST(ways > 100'000U);
}

BOOST_AUTO_TEST_CASE(one_is_started_for_whoever_connects) {
  World world;
  world.happen(Event::begin);
  BOOST_TEST(world.started == 0U);
  world.happen(Event::connection);
  BOOST_TEST(world.started == 1U);
  world.happen(Event::started);
  BOOST_TEST(!world.watched);
  world.waiting = false;
  world.happen(Event::timer);
  BOOST_TEST(!world.timer.has_value());
  BOOST_TEST(world.refused == 0U);
}

BOOST_AUTO_TEST_CASE(one_that_accepts_nothing) {
  World world;
  world.happen(Event::begin);
  world.happen(Event::connection);
  world.happen(Event::started);
  world.happen(Event::timer);
  BOOST_TEST(world.refused == 1U);
  BOOST_TEST(world.process);
  world.waiting = true;
  world.happen(Event::timer);
  BOOST_TEST(world.refused == 2U);
  world.happen(Event::timer);
  BOOST_TEST(!world.timer.has_value());
}

// containerd's cleaning ends shims: the next connection gets another at once.
BOOST_AUTO_TEST_CASE(one_that_ended_by_itself) {
  World world;
  world.happen(Event::begin);
  world.happen(Event::connection);
  world.waiting = false;
  world.happen(Event::started);
  world.now += 1h;
  world.happen(Event::ended_well);
  BOOST_TEST(!world.watched);
  world.happen(Event::lost_listed);
  BOOST_TEST(world.watched);
  BOOST_TEST(world.refused == 0U);
}

BOOST_AUTO_TEST_CASE(one_that_did_its_work_in_no_time) {
  World world;
  world.happen(Event::begin);
  world.happen(Event::connection);
  world.waiting = false;
  world.happen(Event::started);
  world.now += 50ms;
  world.happen(Event::ended_well);
  world.happen(Event::lost_listed);
  BOOST_TEST(world.refused == 0U);
  BOOST_TEST((world.timer == world.now + world.times.pace));
}

// Each second client waits, none waits for long, and starts are few.
BOOST_AUTO_TEST_CASE(those_that_fail_do_not_storm) {
  for (const bool exec : {false, true}) {
    World world;
    world.happen(Event::begin);
    const auto began = world.now;
    std::vector<long> starts;
    while (world.now - began < 60s) {
      starts.push_back(std::chrono::duration_cast<std::chrono::seconds>(world.now - began).count());
      const auto refused = world.refused;
      if (exec) {
        world.happen(Event::connection);
        world.happen(Event::start_failed);
      } else {
        world.lives(0s);
      }
      BOOST_TEST(world.refused == refused + 1);
      world.happen(Event::timer);
      BOOST_TEST(world.watched);
    }
    BOOST_TEST(starts == (std::vector<long>{0, 1, 3, 7, 15, 25, 35, 45, 55}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_life_of_some_length_makes_good) {
  World world;
  world.happen(Event::begin);
  for (int i = 0; i < 4; ++i) {
    world.lives(0s);
    world.happen(Event::timer);
  }
  world.lives(world.times.short_life);
  BOOST_TEST(world.watched);
  world.lives(0s);
  BOOST_TEST((world.timer == world.now + world.times.first_pause));
}

BOOST_AUTO_TEST_CASE(one_that_was_taken_up_has_the_only_socket) {
  World world;
  world.happen(Event::begin_with_running);
  BOOST_TEST(!world.socket);
  world.happen(Event::ended_well);
  BOOST_TEST(world.socket);  // before the list is there
  BOOST_TEST(world.lists);
  world.happen(Event::lost_listed);
  BOOST_TEST(world.watched);
}

BOOST_AUTO_TEST_CASE(one_that_ended_while_nobody_looked) {
  World world;
  world.happen(Event::begin_with_ended);
  BOOST_TEST(world.socket);
  BOOST_TEST(!world.watched);
  world.happen(Event::lost_listed);
  BOOST_TEST(world.watched);
}

BOOST_AUTO_TEST_CASE(a_list_that_hangs) {
  World world;
  world.happen(Event::begin_with_ended);
  world.happen(Event::timer);
  BOOST_TEST(world.watched);
}

BOOST_AUTO_TEST_CASE(a_start_that_hangs) {
  World world;
  world.happen(Event::begin);
  world.happen(Event::connection);
  for (unsigned i = 1; i < 5; ++i) {
    world.happen(Event::timer);
    BOOST_TEST(world.refused == i);
    BOOST_TEST(world.started == 1U);
  }
  world.happen(Event::end_asked);
  BOOST_TEST(!world.ends);
  world.happen(Event::started);
  BOOST_TEST(world.ends);
}

BOOST_AUTO_TEST_CASE(an_end_that_fails_leaves_the_shim_as_it_is) {
  World world;
  world.happen(Event::begin);
  world.happen(Event::connection);
  world.happen(Event::started);
  world.happen(Event::end_asked);
  world.happen(Event::end_failed);
  BOOST_TEST(world.process);
  world.now += 1h;
  world.waiting = false;
  world.happen(Event::ended_well);
  world.happen(Event::lost_listed);
  BOOST_TEST(world.watched);
}

BOOST_AUTO_TEST_CASE(an_end_that_fails_without_a_shim_gives_another) {
  World world;
  world.happen(Event::begin);
  world.happen(Event::end_asked);
  world.happen(Event::end_failed);
  world.happen(Event::lost_listed);
  BOOST_TEST(world.watched);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
