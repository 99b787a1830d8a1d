#include "actors/sandbox/lifecycle.hpp"

#include <algorithm>
#include <utility>

namespace podsandbox {

Phase phase_of(const SandboxRecord& record) {
  if (record.removal_wanted && record.all_cleaned) return Phase::gone;
  if (record.exit || record.start_failure) return Phase::notready;
  if (record.removal_wanted) return Phase::stopping;
  if (record.started) return record.stop_wanted ? Phase::stopping : Phase::ready;
  return record.start_wanted ? Phase::starting : Phase::created;
}

Step next_step(const SandboxRecord& record) {
  if (record.started && !record.exit) {
    return record.stop_wanted || record.removal_wanted ? Step::kill : Step::none;
  }
  if (record.removal_wanted) return record.all_cleaned ? Step::none : Step::clean_all;
  if (record.exit) return record.task_cleaned ? Step::none : Step::clean_task;
  return record.start_wanted ? Step::start : Step::none;
}

bool needs_durable_record(Step step, const SandboxRecord& record) {
  switch (step) {
    case Step::start:
    case Step::clean_task:
      return true;
    case Step::clean_all:
      return record.exit.has_value();
    case Step::kill:
    case Step::none:
      return false;
  }
  return false;
}

Result<Done> Lifecycle::want_start() {
  if (record_.removal_wanted) {
    return failure(ErrorKind::failed_precondition, "it is being removed; create another one");
  }
  if (record_.exit) {
    return failure(ErrorKind::failed_precondition, "it has run and exited; create another one");
  }
  record_.start_wanted = true;
  return Done{};
}

bool Lifecycle::want_stop(std::chrono::seconds grace) {
  if (!record_.start_wanted || record_.exit) return false;
  if (record_.stop_wanted && record_.stop_grace <= grace) return false;
  record_.stop_grace = grace;
  record_.stop_wanted = true;
  return true;
}

void Lifecycle::started(Started started) {
  record_.started = std::move(started);
  record_.start_failure.reset();
  ++facts_;
}

void Lifecycle::start_failed(Error why) {
  record_.start_failure = std::move(why);
  record_.removal_wanted = true;
  ++facts_;
}

bool Lifecycle::exited(const Exit& exit) {
  if (!record_.started || record_.exit) return false;
  record_.exit = exit;
  ++facts_;
  return true;
}

void Lifecycle::task_cleaned() {
  record_.task_cleaned = true;
  ++facts_;
}

void Lifecycle::all_cleaned() {
  record_.task_cleaned = true;
  record_.all_cleaned = true;
  ++facts_;
}

void Lifecycle::update(SpecPtr spec) {
  record_.spec = std::move(spec);
  ++facts_;
}

}  // namespace podsandbox
