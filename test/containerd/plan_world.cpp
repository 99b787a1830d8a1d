#include "test/containerd/plan_world.hpp"

#include <algorithm>
#include <array>

namespace podsandbox::test {

namespace {

using containerd_client::StepKind;

std::string name_of(StepKind kind) {
  constexpr std::array names{"compare", "check settings", "look", "create", "inspect", "remove"};
  return names.at(static_cast<std::size_t>(kind));
}

bool is_local(StepKind kind) {
  return kind == StepKind::look;
}

Result<Done> outcome(const PlanWorld::Pending& step) {
  if (step.failure) return tl::unexpected<Error>(*step.failure);
  return Done{};
}

}  // namespace

void PlanWorld::start(const std::string& id) {
  running.insert(id);
  events_.emplace_back(true, id);
}

void PlanWorld::remove(const std::string& id) {
  running.erase(id);
  events_.emplace_back(false, id);
}

bool PlanWorld::hear() {
  if (events_.empty()) return false;
  const auto [started, id] = events_.front();
  events_.pop_front();
  if (started) {
    plan.sandbox_started(id, now);
  } else {
    plan.sandbox_removed(id, now);
  }
  return true;
}

void PlanWorld::lose_events() {
  events_.clear();
  plan.compare_soon();
}

void PlanWorld::carry_out(std::size_t n, Fate fate) {
  auto& step = pending.at(n);
  if (step.complete()) return;
  const auto& id = step.step.id;
  const auto kind = step.step.kind;
  const bool second_half = step.halves_done++ > 0;
  if (!is_local(kind) && !second_half) {
    log.push_back(name_of(kind) + (id.empty() ? "" : " " + id));
    if (away) step.failure = Error{ErrorKind::unavailable, "no such socket"};
    if (refusals.contains(kind)) step.failure = refusals.at(kind);
    if (fate == Fate::refused) step.failure = Error{ErrorKind::internal, "no"};
    if (step.failure) {
      step.halves_done = 2;
      return;
    }
    if (fate == Fate::timed_out) step.failure = Error{ErrorKind::deadline_exceeded, "too late"};
  }
  const bool exists = markers.contains(id) || other_markers.contains(id) || foreign.contains(id);
  switch (kind) {
    case StepKind::compare:
      if (second_half) {
        step.found.wanted = running;
      } else {
        step.found.markers = markers;
        step.found.other_markers = other_markers;
      }
      return;
    case StepKind::check_settings:
      return;
    case StepKind::look:
      step.truth = running.contains(id);
      return;
    case StepKind::create:
      if (exists) {
        step.failure = Error{ErrorKind::already_exists, "exists"};
      } else {
        markers.insert(id);
      }
      return;
    case StepKind::inspect:
      if (!exists) step.failure = Error{ErrorKind::not_found, "no such container"};
      step.truth = !foreign.contains(id);
      return;
    case StepKind::remove:
      if (!exists) step.failure = Error{ErrorKind::not_found, "no such container"};
      if (foreign.contains(id)) violations.push_back("the container of somebody else was deleted: " + id);
      if (running.contains(id)) killed.push_back(id);
      markers.erase(id);
      other_markers.erase(id);
      return;
  }
}

void PlanWorld::answer(std::size_t n) {
  const auto step = pending.at(n);
  if (!step.complete()) return;
  pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(n));
  const auto& id = step.step.id;
  const auto truth = outcome(step).map([&](Done) { return step.truth; });
  switch (step.step.kind) {
    case StepKind::compare:
      return plan.compared(outcome(step).map([&](Done) { return step.found; }), now);
    case StepKind::check_settings:
      return plan.settings_checked(outcome(step), now);
    case StepKind::look:
      return plan.looked(id, truth, now);
    case StepKind::create:
      return plan.created(id, outcome(step), now);
    case StepKind::inspect:
      return plan.inspected(id, truth, now);
    case StepKind::remove:
      return plan.record_removed(id, outcome(step), now);
  }
}

void PlanWorld::go_on() {
  for (auto& step : plan.next(now)) {
    const bool twice = std::any_of(pending.begin(), pending.end(), [&](const Pending& other) {
      return other.step.id == step.id && (!step.id.empty() || other.step.kind == step.kind);
    });
    if (twice) violations.push_back("two steps at a time for '" + step.id + "'");
    Pending fresh;
    fresh.step = std::move(step);
    pending.push_back(std::move(fresh));
  }
  most_in_flight = std::max(most_in_flight, pending.size());
  if (plan.in_flight() != pending.size()) violations.emplace_back("miscounted what is in flight");
  constexpr std::array levels{"debug ", "info ", "warn ", "error "};
  for (const auto& note : plan.take_notes()) {
    notes.push_back(levels.at(static_cast<std::size_t>(note.level)) + note.sandbox + ": " + note.text);
  }
}

void PlanWorld::settle() {
  for (int rounds = 0; rounds < 10'000; ++rounds) {
    while (hear()) {
    }
    go_on();
    if (pending.empty()) return;
    while (!pending.front().complete()) carry_out(0);
    answer(0);
  }
  violations.emplace_back("it never comes to rest");
}

void PlanWorld::advance(std::chrono::nanoseconds time) {
  const auto end = now + time;
  settle();
  while (const auto due = plan.due()) {
    if (*due > end) break;
    now = std::max(now, *due);
    settle();
  }
  now = end;
}

std::vector<double> moments(PlanWorld& world, std::chrono::nanoseconds time, const std::string& what) {
  std::vector<double> at;
  const auto begin = world.now;
  while (world.now < begin + time) {
    world.log.clear();
    world.settle();
    const auto times = std::count(world.log.begin(), world.log.end(), what);
    at.insert(at.end(), static_cast<std::size_t>(times),
              std::chrono::duration<double>(world.now - begin).count());
    world.now = std::min(world.plan.due().value_or(begin + time), begin + time);
  }
  return at;
}

}  // namespace podsandbox::test
