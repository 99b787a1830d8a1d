#include "actors/sandbox/sandbox.hpp"

#include <utility>

#include "actors/sandbox/update.hpp"
#include "actors/sandbox/view.hpp"
#include "messages/log.hpp"

namespace podsandbox {

/// A handler for calls that wait until it is known what has become of the process: unknown is not gone, and
/// not alive either.
template <class Message>
auto Sandbox::when_known(void (Sandbox::*handle)(const Message&)) {
  return [this, handle](const Message& message) {
    if (!unknown_) return (this->*handle)(message);
    until_known_.emplace_back([this, handle, message] { (this->*handle)(message); });
  };
}

SandboxActor::behavior_type Sandbox::start(SandboxSeed seed) {
  life_ = Lifecycle(std::move(seed.record));
  incarnation_ = seed.incarnation;
  supervisor_ = std::move(seed.supervisor);
  settings_ = seed.settings;
  create_answered_ = seed.successor;  // perhaps, by its predecessor
  self_->monitor(supervisor_);
  self_->set_down_handler([this](const caf::down_msg&) { self_->quit(caf::exit_reason::user_shutdown); });
  self_->set_error_handler([this](const caf::error& error) {
    log::error("sandbox", id(), "unexpected error message: " + self_->system().render(error));
  });
  if (seed.successor) {
    unknown_ = life_.running() || life_.taken_over();
    check_process();  // its exit may have died with the actor before
    dirty_ = seed.unwritten;
    advance();
  }
  return {
      when_known(&Sandbox::create),
      when_known(&Sandbox::start),
      when_known(&Sandbox::stop),
      when_known(&Sandbox::wait),
      when_known(&Sandbox::status),
      when_known(&Sandbox::shutdown),
      when_known(&Sandbox::metrics),
      when_known(&Sandbox::update),
      [this](const CallerGone& gone) { caller_gone(gone.call); },
      [this](const CheckProcess&) { check_process(); },
      [this](const RuntimeRestarted&) {
        if (in_flight_ == Step::none) return;
        in_flight_ = Step::none;
        ++attempt_;
        advance();
      },
      [this](const Chore& work) { return chore(work); },
      [this](const GraceOver& over) {
        if (over.round != stop_round_) return;
        grace_over_ = true;
        advance();
      },
      [this](const TryAgain& again) {
        if (again.attempt != attempt_) return;
        in_flight_ = Step::none;
        advance();
      },
  };
}

void Sandbox::known() {
  if (!std::exchange(unknown_, false)) return;
  for (const auto& call : std::exchange(until_known_, {})) call();
}

void Sandbox::create(const Call<CreateSandbox>& call) {
  const auto& record = life_.record();
  if (life_.phase() != Phase::created || !same_request(*record.spec, *call.request.spec)) {
    const auto* why = record.removal_wanted             ? "the one of this id is being removed"
                      : life_.phase() == Phase::created ? "another one of this id was created already"
                                                        : "one of this id was started already";
    return call.reply.fail(ErrorKind::already_exists, about("create", why));
  }
  creators_.add(call.id, call.reply);
  dirty_ = true;
  advance();
}

/// Whoever gives up its Create does not call again. What somebody was told of, or starts, is not nobody's.
void Sandbox::undo_create() {
  const auto& record = life_.record();
  if (create_answered_ || record.start_wanted || record.removal_wanted || creators_.wanted()) return;
  log::info("sandbox", id(), "the client that created it went away: it is removed");
  life_.want_removal();
  dirty_ = true;
}

void Sandbox::start(const Call<StartSandbox>& call) {
  if (!call.reply.wanted()) {
    call.reply.fail(ErrorKind::cancelled, "the client went away");
    return start_abandoned();
  }
  if (const auto wish = life_.want_start(); !wish) {
    return call.reply.fail(wish.error().kind, about("start", wish.error().message));
  }
  dirty_ = true;
  starters_.add(call.id, call.reply);
  advance();
}

void Sandbox::start_abandoned() {
  const auto& record = life_.record();
  if (!record.start_wanted || record.start_answered || starters_.wanted()) return;
  log::info("sandbox", id(), "the client that started it went away: it is removed");
  life_.want_removal();
  dirty_ = true;
  advance();
}

void Sandbox::stop(const Call<StopSandbox>& call) {
  const auto grace_before = life_.record().stop_grace;
  if (life_.want_stop(call.request.grace)) dirty_ = true;
  if (signalled_ != 0 && life_.record().stop_grace < grace_before) {
    self_->delayed_send(self_, life_.record().stop_grace, GraceOver{stop_round_});
  }
  ask_again();
  stoppers_.add(call.id, call.reply);
  advance();
}

void Sandbox::wait(const Call<WaitSandbox>& call) {
  if (const auto& exit = life_.record().exit) return call.reply(*exit);
  if (!call.reply.wanted()) return call.reply.fail(ErrorKind::cancelled, "the client went away");
  exit_channel_.add(call.id, call.reply);
}

void Sandbox::status(const Call<SandboxStatus>& call) {
  const auto runtime = this->runtime();
  if (!call.request.verbose || !runtime) return call.reply(StatusAnswer{view_of(life_.record()), {}});
  // What the runtime cannot tell in time is missing in the answer; it never delays or fails it for long.
  self_->request(runtime, inspect_timeout, runtime::Inspect{id()})
      .then(
          [this, reply = call.reply](const Result<runtime::Process>& process) {
            reply(StatusAnswer{view_of(life_.record()), process ? std::optional(*process) : std::nullopt});
          },
          [this, reply = call.reply](const caf::error&) {
            reply(StatusAnswer{view_of(life_.record()), {}});
          });
}

void Sandbox::shutdown(const Call<ShutdownSandbox>& call) {
  if (life_.want_removal()) dirty_ = true;
  ask_again();
  removers_.add(call.id, call.reply);
  advance();
}

void Sandbox::metrics(const Call<SandboxMetrics>& call) {
  const auto runtime = this->runtime();
  if (!runtime) return call.reply.fail(ErrorKind::unavailable, about("metrics of", "the runtime restarts"));
  self_->request(runtime, inspect_timeout, runtime::ReadMetrics{id()})
      .then([reply = call.reply](const Result<Payload>& metrics) { reply(metrics); },
            [this, reply = call.reply](const caf::error& error) {
              reply.fail(ErrorKind::unavailable, about("metrics of", self_->system().render(error)));
            });
}

void Sandbox::update(const Call<UpdateSandbox>& call) {
  auto spec = updated_spec(*life_.record().spec, call.request);
  if (!spec) return call.reply(tl::unexpected<Error>(spec.error()));
  life_.update(std::move(*spec));
  dirty_ = true;
  updaters_.add(call.id, call.reply);
  advance();
}

void Sandbox::caller_gone(CallId call) {
  if (starters_.forget(call)) return start_abandoned();
  if (creators_.forget(call)) {
    undo_create();
    return advance();
  }
  if (exit_channel_.forget(call) || stoppers_.forget(call)) return;
  if (updaters_.forget(call)) return;
  removers_.forget(call);
}

caf::result<Result<Done>> Sandbox::chore(const Chore& work) {
  auto promise = self_->make_response_promise<Result<Done>>();
  chores_.push_back(promise);
  ask_again();
  if (const auto* exit = std::get_if<TaskExit>(&work)) {
    consider_exit(*exit);
  } else if (life_.want_removal()) {
    dirty_ = true;
  }
  advance();
  return promise;
}

/// What stopped may go on: also what could not be written down may be, now.
void Sandbox::ask_again() {
  stalled_ = false;
  if (not_durable_) dirty_ = true;
}

void Sandbox::note(EventKind kind, std::string detail) {
  const auto& record = life_.record();
  std::string text(to_string(kind));
  if (record.exit && kind == EventKind::exited) text += " with " + std::to_string(record.exit->status);
  if (record.started && kind == EventKind::started) text += ", pid " + std::to_string(record.started->pid);
  if (!detail.empty()) text += ": " + detail;
  log::info("sandbox", id(), text);
  events_.push_back(event_of(kind, record, std::move(detail)));
  dirty_ = true;
}

RuntimePort Sandbox::runtime() const {
  return find_actor<RuntimePort>(self_->system(), names::runtime(life_.record().spec->runtime));
}

std::string Sandbox::about(std::string_view what, std::string_view why) const {
  return std::string(what) + " sandbox " + id() + ": " + std::string(why);
}

SandboxPort spawn_sandbox(caf::actor_system& system, SandboxSeed seed) {
  return system.spawn([](Sandbox::Self self, SandboxSeed s) { return self->state.start(std::move(s)); },
                      std::move(seed));
}

}  // namespace podsandbox
