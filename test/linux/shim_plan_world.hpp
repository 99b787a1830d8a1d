#pragma once

#include <optional>
#include <string>

#include "services/linux/shims/shim_plan.hpp"

namespace podsandbox::test {

/// Does what the plan of a pod's shim says, and checks that it makes sense. A value: every way can be gone
/// from where it is.
struct ShimWorld {
  using ShimPlan = linux_runtime::ShimPlan;
  using ShimTimes = linux_runtime::ShimTimes;

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

  explicit ShimWorld(const ShimTimes& shim_times = {}) : times(shim_times), plan(shim_times) {}

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

  /// Whether it may come next.
  bool may(Event event) const;
  /// When it is not in the world's power to come now, but an old one may come late.
  bool may_be_late(Event event) const;
  void happen(Event event);
  /// One is started for a connection, lives for so long and ends.
  void lives(ShimTimes::Duration time, Event end = Event::ended_badly);
  /// Somebody will come back to it.
  void check_alive() const;

 private:
  void perform(const ShimPlan::Actions& actions);
  void check(bool good, const char* what) const;
};

}  // namespace podsandbox::test
