#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "messages/sandbox_record.hpp"

namespace podsandbox {

/// What a sandbox's actor has to do next in the world.
enum class Step : std::uint8_t { none, start, kill, clean_task, clean_all };

/// Where a sandbox with this record is in its life.
Phase phase_of(const SandboxRecord& record);

/// The step that brings the facts of this record nearer to its intents. Following it again and again, after
/// any death of anybody, ends in `none`.
Step next_step(const SandboxRecord& record);

/// Whether the journal must have the record before this step: a start that nobody knows of would leak, and
/// with the remains of a process goes the evidence of how it ended.
bool needs_durable_record(Step step, const SandboxRecord& record);

/// The state machine of one sandbox: wishes and facts come in, phase and next step follow. Pure; nothing
/// happens here.
class Lifecycle {
 public:
  explicit Lifecycle(SandboxRecord record) : record_(std::move(record)) {}

  const SandboxRecord& record() const { return record_; }
  Phase phase() const { return phase_of(record_); }
  Step next() const { return next_step(record_); }
  bool running() const { return record_.started && !record_.exit; }
  /// It runs, or did: the runtime is to repeat what it once answered to its Start.
  bool taken_over() const { return record_.start_answered && !record_.started && !record_.removal_wanted; }
  bool gone() const { return phase() == Phase::gone; }
  /// Grows with each fact. Wishes need not survive the machine: nobody was told that they are fulfilled, and
  /// what was begun for them ends with it.
  std::uint64_t facts() const { return facts_; }

  // -- wishes: Done when they are now recorded, or were before ---------------

  /// FAILED_PRECONDITION once the sandbox is on its way out.
  Result<Done> want_start();

  /// Never refused: one that does not run is stopped already. The shortest grace that was asked for counts.
  /// False: nothing new.
  bool want_stop(std::chrono::seconds grace);

  /// False: it was before.
  bool want_removal() { return !std::exchange(record_.removal_wanted, true); }

  /// The process could not be killed: it runs on, and says so.
  void stop_failed() { record_.stop_wanted = false; }

  /// Not a fact of the sandbox: with the machine, what was answered is over.
  void start_answered() { record_.start_answered = true; }

  // -- facts -----------------------------------------------------------------

  void started(Started started);

  /// Nobody will call again for a sandbox whose start failed: it is to be removed.
  void start_failed(Error why);

  /// False when there is nothing to exit: never started, or dead already (the first exit is the true one).
  bool exited(const Exit& exit);

  void task_cleaned();
  void all_cleaned();

  /// Changes what Update may change.
  void update(SpecPtr spec);

 private:
  SandboxRecord record_;
  std::uint64_t facts_ = 0;
};

}  // namespace podsandbox
