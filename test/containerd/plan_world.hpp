#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/containerd/marker_plan.hpp"

namespace podsandbox::test {

/// The same settings, but events are followed at once.
inline containerd_client::PlanSettings at_once(containerd_client::PlanSettings settings = {}) {
  settings.create_after = settings.remove_after = {};
  return settings;
}

/// A plan with a world to act on, in which nothing happens by itself: sandboxes that run, a containerd with
/// its markers, events on their way, and steps that are first carried out and then, separately, answered.
class PlanWorld {
 public:
  using Plan = containerd_client::MarkerPlan;
  using Step = containerd_client::Step;
  using StepKind = containerd_client::StepKind;

  explicit PlanWorld(const containerd_client::PlanSettings& settings = at_once()) : plan(settings) {}

  // -- what happens ------------------------------------------------------------
  void start(const std::string& id);
  void remove(const std::string& id);
  /// The oldest event reaches the plan; false when there is none.
  bool hear();
  /// All events on their way are lost, and it is noticed.
  void lose_events();

  /// What may become of a step.
  enum class Fate { well, refused, timed_out };
  /// Carries out the first half of the n-th step, or what is left of it. `timed_out`: it takes effect all the
  /// same.
  void carry_out(std::size_t n, Fate fate = Fate::well);
  void answer(std::size_t n);

  /// Takes the steps that the plan wants now; checks what must always hold.
  void go_on();

  /// Everything that is on its way arrives, until the plan wants nothing more at this time.
  void settle();
  void advance(std::chrono::nanoseconds time);

  // -- what there is -----------------------------------------------------------
  Plan plan;
  Plan::Time now = Plan::Time(std::chrono::hours(1));
  std::set<std::string> running, markers, other_markers, foreign;
  bool away = false;
  std::map<StepKind, Error> refusals;  // what steps of this kind come to
  std::vector<std::string> log;        // "create a", …: what containerd was asked
  std::vector<std::string> notes;      // "warn a: …"
  std::vector<std::string> killed;     // sandboxes that ran when their marker was deleted
  std::size_t most_in_flight = 0;
  std::vector<std::string> violations;

  struct Pending {
    Step step;
    int halves_done = 0;
    std::optional<Error> failure;
    containerd_client::Comparison found;
    bool truth = false;

    bool complete() const { return halves_done >= (step.kind == StepKind::compare ? 2 : 1); }
  };
  std::vector<Pending> pending;

 private:
  std::deque<std::pair<bool, std::string>> events_;  // started or removed
};

/// When containerd was asked this ("create a"), in seconds, while `time` passed.
std::vector<double> moments(PlanWorld& world, std::chrono::nanoseconds time, const std::string& what);

}  // namespace podsandbox::test
