#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/sandbox/lifecycle.hpp"
#include "actors/sandbox/reply_list.hpp"
#include "actors/settings.hpp"
#include "messages/ports.hpp"

namespace podsandbox {

/// The time between SIGTERM and SIGKILL of this round of stopping is over.
struct GraceOver {
  std::uint64_t round = 0;
};

/// The runtime was not there for this attempt: make another.
struct TryAgain {
  std::uint64_t attempt = 0;
};

/// What a sandbox's actor understands: its port, and its own timers.
using SandboxActor = SandboxPort::extend<caf::reacts_to<GraceOver>, caf::reacts_to<TryAgain>>;

/// What a new incarnation starts from.
struct SandboxSeed {
  SandboxRecord record;
  std::uint64_t incarnation = 0;  // no other has this number
  bool successor = false;         // it takes over from one that died, in this life of the daemon or before
  bool unwritten = false;         // the journal does not have the record yet
  SupervisorPort supervisor;      // when it dies, so does this incarnation
  Settings settings;
};

/// One sandbox: owns its state and its exit channel, works on one lifecycle step at a time, and answers
/// questions meanwhile. Wishes (calls) and facts (what the runtime says) go into the `Lifecycle`; `advance`
/// does whatever follows from it: keep the record, answer who can be answered, take the next step.
class Sandbox {
 public:
  using Self = SandboxActor::stateful_pointer<Sandbox>;

  explicit Sandbox(Self self) : self_(self) {}

  SandboxActor::behavior_type start(SandboxSeed seed);

  const char* name = "sandbox";

 private:
  // -- calls (sandbox.cpp) ---------------------------------------------------
  void create(const Call<CreateSandbox>& call);
  void start(const Call<StartSandbox>& call);
  void stop(const Call<StopSandbox>& call);
  void wait(const Call<WaitSandbox>& call);
  void status(const Call<SandboxStatus>& call);
  void shutdown(const Call<ShutdownSandbox>& call);
  void metrics(const Call<SandboxMetrics>& call);
  void update(const Call<UpdateSandbox>& call);
  void caller_gone(CallId call);
  void undo_create();
  void start_abandoned();
  caf::result<Result<Done>> chore(const Chore& chore);

  // -- what follows (steps.cpp) ----------------------------------------------
  void advance();
  void save();
  void saved(const Saved& saved);
  void stop_for_lack_of_disk(Step step);
  void answer_whom_we_can();
  void answer_creators();
  void answer_writers();
  void finish();
  void run(Step step);
  void start_done(Result<Started> result);
  void kill();
  void kill_done(int signal, Result<Done> result);
  void clean_done(Step step, Result<Done> result);
  void step_failed(const Error& why);
  void check_process();
  void check_again(const std::string& why);
  void process_checked(const Result<runtime::Process>& result);
  void consider_exit(const TaskExit& exit);
  void take_exit(const Exit& exit);

  template <class Op, class Answer>
  void ask(Op op, std::chrono::nanoseconds timeout, std::function<void(Result<Answer>)> done);

  /// How long the runtime may take to tell of a process.
  static constexpr auto inspect_timeout = std::chrono::seconds(2);

  // -- recovery ---------------------------------------------------------------
  template <class Message>
  auto when_known(void (Sandbox::*handle)(const Message&));
  void known();

  // -- helpers ---------------------------------------------------------------
  const std::string& id() const { return life_.record().spec->id; }
  /// The one that this sandbox is given to; invalid while it restarts.
  RuntimePort runtime() const;
  void ask_again();
  void note(EventKind kind, std::string detail = {});
  std::string about(std::string_view what, std::string_view why) const;

  Self self_;
  Lifecycle life_{SandboxRecord{}};
  std::uint64_t incarnation_ = 0;
  SupervisorPort supervisor_;
  Settings settings_;

  ReplyList<Exit> exit_channel_;
  ReplyList<Done> creators_;
  ReplyList<Done> updaters_;
  ReplyList<Started> starters_;
  ReplyList<Done> stoppers_;
  ReplyList<Done> removers_;
  std::vector<caf::typed_response_promise<Result<Done>>> chores_;
  std::vector<TaskExit> early_exits_;  // told before the runtime answered Start

  bool create_answered_ = false;      // somebody was told that it exists, or may have been
  bool dirty_ = false;                // the record changed since it was last sent to be kept
  bool saving_ = false;               // it is being kept
  std::optional<Error> not_durable_;  // why it is not on the disk
  bool stalled_ = false;              // the last step failed; somebody will poke us
  std::vector<Event> events_;         // to be kept with the record
  std::uint64_t facts_sent_ = 0;      // of the record that was last sent to be kept

  bool unknown_ = false;  // whether its process runs, or how it ended
  std::vector<std::function<void()>> until_known_;

  Step in_flight_ = Step::none;
  std::uint64_t attempt_ = 0;  // numbers what is asked of the runtime; older answers are stale
  int signalled_ = 0;          // the strongest signal that was sent
  bool grace_over_ = false;
  std::uint64_t stop_round_ = 0;
};

/// Starts an incarnation of a sandbox.
SandboxPort spawn_sandbox(caf::actor_system& system, SandboxSeed seed);

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::GraceOver)
PODSANDBOX_MESSAGE(podsandbox::TryAgain)
