#include "services/linux/shims/shim_plan.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

namespace podsandbox::test {

using namespace linux_runtime;
using namespace std::chrono_literals;

namespace {

const char* name_of(ShimStep step) {
  constexpr const char* names[] = {"listen",    "watch",     "unwatch",      "start", "refuse",
                                   "list_lost", "set_timer", "cancel_timer", "end",   "forget"};
  return names[static_cast<int>(step)];
}

enum class Event {
  begin,
  begin_with_running,
  begin_with_ended,
  connection,
  started,
  start_failed,
  ended_well,
  ended_badly,
  lost_listed,
  timer,
  end_asked,
  end_given_up,
  end_done,
  end_failed,
};

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

// Does what the plan says, and checks that it makes sense. A value: every way can be gone from where it is.
struct World {
  explicit World(const ShimTimes& shim_times = {}) : times(shim_times), plan(shim_times) {}

  ShimTimes times;
  ShimPlan plan;
  ShimPlan::Time now{};
  bool begun = false;
  bool socket = false;  // ours
  bool watched = false;
  bool starts = false;  // a start is under way
  bool process = false;
  bool lists = false;
  bool ends = false;
  bool end_wanted = false;
  bool over = false;
  bool waiting = false;  // a connection waits
  bool listening_fails = false;
  std::optional<ShimPlan::Time> timer;
  unsigned started = 0;
  unsigned refused = 0;
  std::string story;

  // That may come next.
  bool may(Event event) const {
    if (!begun) return event <= Event::begin_with_ended;
    switch (event) {
      case Event::connection:
        return watched;
      case Event::started:
      case Event::start_failed:
        return starts;
      case Event::ended_well:
      case Event::ended_badly:
        return process;
      case Event::lost_listed:
        return lists;
      case Event::timer:
        return timer.has_value();
      case Event::end_asked:
        return !end_wanted && !over;
      case Event::end_given_up:
        return end_wanted && !ends && starts;
      case Event::end_done:
      case Event::end_failed:
        return ends;
      default:
        return false;
    }
  }

  // When it is not in the world's power to come now, but an old one may come late.
  bool may_be_late(Event event) const {
    const bool late = event == Event::lost_listed || event == Event::connection || event == Event::timer;
    return begun && late && !may(event) && !(event == Event::timer && starts);
  }

  void happen(Event event) {
    begun = true;
    story += " " + std::to_string(static_cast<int>(event)) + ":";
    switch (event) {
      case Event::begin:
        return perform(plan.begin());
      case Event::begin_with_running:
        process = true;
        return perform(plan.begin_with_running());
      case Event::begin_with_ended:
        return perform(plan.begin_with_ended());
      case Event::connection:
        waiting = true;
        return perform(plan.connection());
      case Event::started:
        starts = false;
        process = true;
        return perform(plan.started(now));
      case Event::start_failed:
        starts = false;
        return perform(plan.start_failed());
      case Event::ended_well:
      case Event::ended_badly:
        process = false;
        if (ends) return perform(plan.ended(now, event == Event::ended_badly, waiting));
        return perform(plan.ended(now, event == Event::ended_badly, waiting));
      case Event::lost_listed:
        lists = false;
        return perform(plan.lost_listed());
      case Event::timer:
        if (timer && *timer > now) now = *timer;
        timer.reset();
        lists = false;  // what comes now is late
        return perform(plan.timer(waiting));
      case Event::end_asked:
        end_wanted = true;
        return perform(plan.end_asked());
      case Event::end_given_up:
        end_wanted = false;
        return plan.end_given_up();
      case Event::end_done:
        ends = end_wanted = process = false;
        return perform(plan.end_done());
      case Event::end_failed:
        ends = end_wanted = false;
        return perform(plan.end_failed());
    }
  }

  void perform(const ShimPlan::Actions& actions) {
    for (const auto& action : actions) {
      story += std::string(" ") + name_of(action.step);
      check(!over, "something is done after the end");
      switch (action.step) {
        case ShimStep::listen:
          check(!socket && !process && !starts, "two sockets");
          if (listening_fails) return perform(plan.listen_failed());
          socket = true;
          break;
        case ShimStep::watch:
          check(socket && !watched && !process && !starts && !lists && !ends, "watched at a wrong time");
          watched = true;
          break;
        case ShimStep::unwatch:
          check(watched, "unwatched for nothing");
          watched = false;
          break;
        case ShimStep::start:
          check(socket && !watched && !process && !starts && !lists && !ends, "started at a wrong time");
          starts = true;
          ++started;
          break;
        case ShimStep::refuse:
          check(socket && (!process || waiting), "refused what is a shim's");
          waiting = false;
          ++refused;
          break;
        case ShimStep::list_lost:
          check(!process && !starts && !watched, "listed at a wrong time");
          lists = true;
          break;
        case ShimStep::set_timer:
          check(action.delay > 0s && action.delay <= 10s, "a timer of no use");
          timer = now + action.delay;
          break;
        case ShimStep::cancel_timer:
          timer.reset();
          break;
        case ShimStep::end:
          check(end_wanted && !ends && !starts && !watched, "ended at a wrong time");
          ends = true;
          break;
        case ShimStep::forget:
          check(!process && !starts && !watched && !timer, "forgotten too early");
          over = true;
          break;
      }
    }
  }

  void check(bool good, const char* what) const {
    if (!good) BOOST_ERROR(what << ":" << story);
  }

  // Somebody will come back to it.
  void check_alive() const {
    check(over || watched || process || ends || timer.has_value(), "nothing will ever happen again");
    check(!starts || timer.has_value(), "a start that hangs hangs its clients");
    check(plan.over() == over, "over");
  }

  void lives(ShimTimes::Duration time, Event end = Event::ended_badly) {
    happen(Event::connection);
    happen(Event::started);
    now += time;
    happen(end);
    if (lists) happen(Event::lost_listed);
  }
};

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
