#include <csignal>
#include <utility>

#include "actors/recovery.hpp"
#include "actors/sandbox/sandbox.hpp"
#include "messages/log.hpp"

/// The steps of a sandbox's life: what `Sandbox` does in the world, and what it makes of the outcome.
namespace podsandbox {

namespace {

constexpr auto runtime_pause = std::chrono::milliseconds(100);
constexpr auto check_pause = std::chrono::seconds(1);

/// That is how it is now, not how it is.
bool can_be_repeated(const Error& error) {
  return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::deadline_exceeded;
}

}  // namespace

/// Called after every change. The order matters: the exit has reached its waiters before this (take_exit),
/// the record is kept before a step with side effects begins.
void Sandbox::advance() {
  answer_whom_we_can();
  if (dirty_ && !saving_) save();
  if (saving_) return;
  if (life_.gone()) return finish();
  if (stalled_) return;
  const Step step = life_.next();
  const bool start_is_futile = in_flight_ == Step::start && step == Step::clean_all;
  if (step == Step::none || (in_flight_ != Step::none && !start_is_futile)) return;
  if (not_durable_ && needs_durable_record(step, life_.record())) return stop_for_lack_of_disk(step);
  run(step);
}

void Sandbox::save() {
  dirty_ = false;
  saving_ = true;
  const bool only_wishes = life_.facts() == std::exchange(facts_sent_, life_.facts());
  self_
      ->request(supervisor_, caf::infinite,
                SaveRecord{life_.record(), incarnation_, std::exchange(events_, {}),
                           only_wishes ? journal::Survives::process : journal::Survives::power_cut})
      .then(
          [this](const Result<Saved>& kept) {
            if (!kept) return self_->quit(caf::exit_reason::user_shutdown);  // there is a newer incarnation
            saved(*kept);
          },
          [this](const caf::error&) { self_->quit(caf::exit_reason::user_shutdown); });
}

void Sandbox::saved(const Saved& saved) {
  saving_ = false;
  not_durable_ = saved.not_durable;
  advance();
}

/// What a full disk stops: a new sandbox does not start, and of a dead one the remains stay until it is
/// written down how it ended. Nothing else.
void Sandbox::stop_for_lack_of_disk(Step step) {
  const Error why{ErrorKind::resource_exhausted, "the journal cannot be written: " + not_durable_->message};
  if (step == Step::start) return start_done(tl::unexpected<Error>(why));
  step_failed(Error{why.kind, about("clean up", why.message)});
}

void Sandbox::answer_creators() {
  if (creators_.wanted()) {
    creators_.answer(Done{});
    create_answered_ = true;
  } else if (!creators_.empty()) {
    creators_.answer(failure(ErrorKind::cancelled, "the client went away"));
    undo_create();
  }
}

/// Who created or changed it: what they were told must hold after a crash, too.
void Sandbox::answer_writers() {
  if (dirty_ || saving_) return;
  if (!not_durable_) {
    answer_creators();
    updaters_.answer(Done{});
    return;
  }
  const Error why{ErrorKind::resource_exhausted, "the journal cannot be written: " + not_durable_->message};
  updaters_.answer(tl::unexpected<Error>(Error{why.kind, about("update", why.message)}));
  if (creators_.empty()) return;
  creators_.answer(tl::unexpected<Error>(Error{why.kind, about("create", why.message)}));
  if (create_answered_) return;  // it exists, whatever becomes of this repetition
  life_.want_removal();
  dirty_ = true;
}

void Sandbox::answer_whom_we_can() {
  answer_writers();
  const auto& record = life_.record();
  // Only what is kept: whoever was told the pid must get the same answer from the next incarnation.
  if (record.started && !starters_.empty() && !dirty_ && !saving_) {
    if (not_durable_ && !record.start_answered) {
      starters_.answer(failure(ErrorKind::resource_exhausted,
                               about("start", "the journal cannot be written: " + not_durable_->message)));
      life_.want_removal();
      dirty_ = true;
    } else if (starters_.wanted()) {
      starters_.answer(*record.started);
      if (!record.start_answered) {
        life_.start_answered();
        dirty_ = true;
      }
    } else {
      starters_.answer(failure(ErrorKind::cancelled, "the client went away"));
      if (!record.start_answered) life_.want_removal();
      dirty_ = true;
    }
  }
  const bool starting = record.start_wanted && !record.started;
  const bool stopped = record.exit ? record.task_cleaned : !starting && !record.started;
  if (stopped) stoppers_.answer(Done{});
  if (early_exits_.empty() && in_flight_ == Step::none && life_.next() == Step::none && !life_.gone()) {
    for (auto& promise : std::exchange(chores_, {})) promise.deliver(Result<Done>(Done{}));
  }
}

void Sandbox::finish() {
  const auto& failed = life_.record().start_failure;
  creators_.answer(failure(ErrorKind::aborted, about("create", "it was removed meanwhile")));
  updaters_.answer(failure(ErrorKind::not_found, about("update", "it was removed meanwhile")));
  starters_.answer(tl::unexpected<Error>(
      failed ? *failed : Error{ErrorKind::aborted, about("start", "it was removed meanwhile")}));
  exit_channel_.answer(failure(ErrorKind::not_found, about("wait for", "it was removed before it ran")));
  stoppers_.answer(Done{});
  removers_.answer(Done{});
  for (auto& promise : std::exchange(chores_, {})) promise.deliver(Result<Done>(Done{}));
  self_->quit();
}

void Sandbox::run(Step step) {
  in_flight_ = step;
  switch (step) {
    case Step::start:
      return ask<runtime::Start, Started>({life_.record().spec}, settings_.start_timeout,
                                          [this](Result<Started> r) { start_done(std::move(r)); });
    case Step::kill:
      return kill();
    case Step::clean_task:
    case Step::clean_all: {
      const auto extent = step == Step::clean_all ? runtime::Extent::everything : runtime::Extent::task;
      return ask<runtime::Cleanup, Done>({id(), extent}, settings_.cleanup_timeout,
                                         [this, step](Result<Done> r) { clean_done(step, std::move(r)); });
    }
    case Step::none:
      return;
  }
}

/// Asks the runtime, and takes only the answer to the newest question. A runtime whose actor died is asked
/// again when there is another (also told by RuntimeRestarted); one that does not answer in time has failed.
template <class Op, class Answer>
void Sandbox::ask(Op op, std::chrono::nanoseconds timeout, std::function<void(Result<Answer>)> done) {
  const auto attempt = ++attempt_;
  const auto runtime = this->runtime();
  if (!runtime) return self_->delayed_send(self_, runtime_pause, TryAgain{attempt});
  self_->request(runtime, timeout, std::move(op))
      .then(
          [this, attempt, done](Result<Answer>& answer) {
            if (attempt != attempt_) return;
            in_flight_ = Step::none;
            done(std::move(answer));
          },
          [this, attempt, done](const caf::error& error) {
            if (attempt != attempt_) return;
            if (error != caf::sec::request_timeout) {
              return self_->delayed_send(self_, runtime_pause, TryAgain{attempt});
            }
            in_flight_ = Step::none;
            done(failure(ErrorKind::deadline_exceeded, "the runtime did not answer in time"));
          });
}

/// One that is taken over runs, whether or not the runtime can tell of it now.
void Sandbox::start_done(Result<Started> result) {
  if (!result && life_.taken_over() && can_be_repeated(result.error())) {
    log::warn("sandbox", id(), "it is not taken over yet, which is tried again: " + result.error().message);
    in_flight_ = Step::start;
    self_->delayed_send(self_, check_pause, TryAgain{attempt_});
  } else if (result) {
    life_.started(std::move(*result));
    note(EventKind::started);
    for (const auto& exit : std::exchange(early_exits_, {})) consider_exit(exit);
    if (unknown_) check_process();  // one that was taken over may have ended long ago
  } else {
    Error why{result.error().kind, about("start", result.error().message)};
    log::warn("sandbox", id(), why.message);
    early_exits_.clear();
    life_.start_failed(why);
    note(EventKind::start_failed, why.message);
    known();
  }
  advance();
}

void Sandbox::kill() {
  const auto& record = life_.record();
  const bool gently = !record.removal_wanted && record.stop_grace.count() > 0 && !grace_over_;
  const int signal = gently ? SIGTERM : SIGKILL;
  if (signalled_ == signal || signalled_ == SIGKILL) {
    in_flight_ = Step::none;  // it was told; the exit will come
    return;
  }
  ask<runtime::Kill, Done>({id(), signal}, settings_.kill_timeout,
                           [this, signal](Result<Done> r) { kill_done(signal, std::move(r)); });
}

void Sandbox::kill_done(int signal, Result<Done> result) {
  if (result) {
    signalled_ = signal;
    if (signal == SIGTERM) {
      self_->delayed_send(self_, life_.record().stop_grace, GraceOver{++stop_round_});
    }
  } else if (result.error().kind == ErrorKind::not_found) {
    signalled_ = SIGKILL;  // nothing to signal: either its exit is on its way to us, or it was lost
    check_process();
  } else {
    life_.stop_failed();
    signalled_ = 0;
    grace_over_ = false;
    ++stop_round_;
    dirty_ = true;
    step_failed(Error{result.error().kind, about("stop", result.error().message)});
  }
  advance();
}

void Sandbox::clean_done(Step step, Result<Done> result) {
  if (!result) {
    step_failed(Error{result.error().kind, about("clean up", result.error().message)});
  } else if (step == Step::clean_all) {
    life_.all_cleaned();
    note(EventKind::removed);
  } else {
    life_.task_cleaned();
    note(EventKind::cleaned);
  }
  advance();
}

/// Tells everybody who waits for the outcome, and leaves the retry to the supervisor's backoff queue.
void Sandbox::step_failed(const Error& why) {
  stalled_ = true;
  log::warn("sandbox", id(), why.message);
  const auto& record = life_.record();
  const bool work_is_left = life_.next() != Step::none;
  if (chores_.empty() && work_is_left) {
    Chore work = Removal{id()};
    if (record.exit && record.started && !record.removal_wanted) {
      work = TaskExit{id(), record.started->pid, record.started->start_time, *record.exit};
    }
    self_->send(supervisor_, DeferChore{std::move(work), incarnation_, why});
  }
  for (auto& promise : std::exchange(chores_, {})) promise.deliver(Result<Done>(tl::unexpected<Error>(why)));
  const Error told{why.kind, why.message + " (it is tried again; asking again tries at once)"};
  stoppers_.answer(tl::unexpected<Error>(told));
  removers_.answer(tl::unexpected<Error>(told));
  if (record.start_failure) starters_.answer(tl::unexpected<Error>(*record.start_failure));
}

void Sandbox::check_process() {
  if (!life_.running()) return;
  const auto runtime = this->runtime();
  if (!runtime) return;  // exits reconciles when there is one
  self_->request(runtime, inspect_timeout, runtime::Inspect{id()})
      .then([this](const Result<runtime::Process>& process) { process_checked(process); },
            [this](const caf::error& error) { check_again(self_->system().render(error)); });
}

void Sandbox::check_again(const std::string& why) {
  log::warn("sandbox", id(), "its process could not be checked, which is tried again: " + why);
  self_->delayed_send(self_, check_pause, CheckProcess{});
}

void Sandbox::process_checked(const Result<runtime::Process>& process) {
  if (!life_.running()) return known();
  if (!process && process.error().kind != ErrorKind::not_found) return check_again(process.error().message);
  const auto found = process ? Found{Found::What::process, *process} : Found{Found::What::nothing, {}};
  const auto step = plan_recovery(&life_.record(), true, found, std::chrono::system_clock::now());
  if (!step.why.empty()) log::warn("sandbox", id(), std::string(step.why));
  if (step.what == Recovery::record_exit) take_exit(*step.exit);
  known();
  advance();
}

void Sandbox::consider_exit(const TaskExit& exit) {
  const auto& record = life_.record();
  if (record.start_wanted && !record.started && !record.start_failure) {
    early_exits_.push_back(exit);
  } else if (record.started && record.started->pid == exit.pid &&
             record.started->start_time == exit.start_time) {
    take_exit(exit.exit);
  }
}

/// The exit is told to everybody before anything else is done about it.
void Sandbox::take_exit(const Exit& exit) {
  if (!life_.exited(exit)) return;
  exit_channel_.answer(exit);
  known();
  stalled_ = false;
  note(EventKind::exited);
}

}  // namespace podsandbox
