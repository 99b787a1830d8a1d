#include "services/linux/shims/shim_plan.hpp"

#include <algorithm>
#include <utility>

namespace podsandbox::linux_runtime {

ShimPlan::Actions ShimPlan::begin() {
  return rest();
}

ShimPlan::Actions ShimPlan::begin_with_running() {
  state_ = State::running;
  has_process_ = true;
  return {};
}

ShimPlan::Actions ShimPlan::begin_with_ended() {
  return list_lost();
}

// Nothing is started by itself: the next connection does that.
ShimPlan::Actions ShimPlan::rest() {
  state_ = State::idle;
  Actions actions;
  if (!std::exchange(listens_, true)) actions.push_back({ShimStep::listen});
  actions.push_back({ShimStep::watch});
  return actions;
}

// Before anybody gets a new shim, whose containers would be taken for lost ones.
ShimPlan::Actions ShimPlan::list_lost() {
  state_ = State::listing;
  Actions actions{{ShimStep::list_lost}, {ShimStep::set_timer, times_.patience}};
  if (!std::exchange(listens_, true)) actions.push_back({ShimStep::listen});
  return actions;
}

ShimTimes::Duration ShimPlan::next_pause() {
  return std::exchange(pause_, std::min(pause_ * 2, times_.longest_pause));
}

ShimPlan::Actions ShimPlan::listen_failed() {
  listens_ = false;
  if (state_ != State::idle) return {};  // it is tried again later
  state_ = State::pausing;
  return {{ShimStep::set_timer, next_pause()}};
}

ShimPlan::Actions ShimPlan::connection() {
  if (state_ != State::idle) return {};
  state_ = State::starting;
  return {{ShimStep::unwatch}, {ShimStep::set_timer, times_.patience}, {ShimStep::start}};
}

ShimPlan::Actions ShimPlan::started(Time now) {
  if (state_ != State::starting) return {};
  has_process_ = true;
  started_at_ = now;
  if (end_wanted_) return end({{ShimStep::cancel_timer}});
  state_ = State::running;
  return {{ShimStep::set_timer, times_.patience}};
}

ShimPlan::Actions ShimPlan::start_failed() {
  if (state_ != State::starting) return {};
  if (end_wanted_) return end({{ShimStep::cancel_timer}});
  state_ = State::pausing;
  return {{ShimStep::refuse}, {ShimStep::set_timer, next_pause()}};
}

ShimPlan::Actions ShimPlan::ended(Time now, bool failed, bool waiting) {
  if (!std::exchange(has_process_, false) || state_ != State::running) return {};
  const auto since = std::exchange(started_at_, std::nullopt);
  const bool short_life = since && now - *since < times_.short_life;
  if (!short_life) pause_ = times_.first_pause;
  if (short_life && (failed || waiting)) {
    rest_after_ = next_pause();
    Actions actions{{ShimStep::refuse}};
    const auto then = list_lost();
    actions.insert(actions.end(), then.begin(), then.end());
    return actions;
  }
  rest_after_ = short_life ? times_.pace : ShimTimes::Duration{};
  return list_lost();
}

ShimPlan::Actions ShimPlan::lost_listed() {
  if (state_ != State::listing) return {};
  if (rest_after_ > ShimTimes::Duration{}) {
    state_ = State::pausing;
    return {{ShimStep::set_timer, std::exchange(rest_after_, {})}};
  }
  Actions actions{{ShimStep::cancel_timer}};
  const auto then = rest();
  actions.insert(actions.end(), then.begin(), then.end());
  return actions;
}

ShimPlan::Actions ShimPlan::timer(bool waiting) {
  switch (state_) {
    case State::running:  // one that works accepts at once
      if (!waiting) return {};
      [[fallthrough]];
    case State::starting:  // it hangs; one more would, too
      return {{ShimStep::refuse}, {ShimStep::set_timer, times_.patience}};
    case State::listing:
      return lost_listed();
    case State::pausing:
      return rest();
    default:
      return {};
  }
}

ShimPlan::Actions ShimPlan::end(Actions before) {
  state_ = State::ending;
  end_wanted_ = false;
  before.push_back({ShimStep::end});
  return before;
}

ShimPlan::Actions ShimPlan::end_asked() {
  switch (state_) {
    case State::starting:
      end_wanted_ = true;
      return {};
    case State::idle:
      return end({{ShimStep::unwatch}});
    case State::listing:
    case State::pausing:
    case State::running:
      return end({{ShimStep::cancel_timer}});
    case State::fresh:
      return end({});
    case State::ending:
    case State::over:
      break;
  }
  return {};
}

void ShimPlan::end_given_up() {
  end_wanted_ = false;
}

ShimPlan::Actions ShimPlan::end_done() {
  if (state_ != State::ending) return {};
  state_ = State::over;
  return {{ShimStep::forget}};
}

// Something of the pod is left, and whoever wants to end that needs the shim, or may need another.
ShimPlan::Actions ShimPlan::end_failed() {
  if (state_ != State::ending) return {};
  if (!has_process_) return list_lost();
  state_ = State::running;
  return {};
}

}  // namespace podsandbox::linux_runtime
