#include "test/linux/shim_plan_world.hpp"

#include <boost/test/unit_test.hpp>

namespace podsandbox::test {

using namespace linux_runtime;
using namespace std::chrono_literals;

namespace {

const char* name_of(ShimStep step) {
  constexpr const char* names[] = {"listen",    "watch",     "unwatch",      "start", "refuse",
                                   "list_lost", "set_timer", "cancel_timer", "end",   "forget"};
  return names[static_cast<int>(step)];
}

}  // namespace

bool ShimWorld::may(Event event) const {
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

bool ShimWorld::may_be_late(Event event) const {
  const bool late = event == Event::lost_listed || event == Event::connection || event == Event::timer;
  return begun && late && !may(event) && !(event == Event::timer && starts);
}

void ShimWorld::happen(Event event) {
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

void ShimWorld::perform(const ShimPlan::Actions& actions) {
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

void ShimWorld::check(bool good, const char* what) const {
  if (!good) BOOST_ERROR(what << ":" << story);
}

void ShimWorld::check_alive() const {
  check(over || watched || process || ends || timer.has_value(), "nothing will ever happen again");
  check(!starts || timer.has_value(), "a start that hangs hangs its clients");
  check(plan.over() == over, "over");
}

void ShimWorld::lives(ShimTimes::Duration time, Event end) {
  happen(Event::connection);
  happen(Event::started);
  now += time;
  happen(end);
  if (lists) happen(Event::lost_listed);
}

}  // namespace podsandbox::test
