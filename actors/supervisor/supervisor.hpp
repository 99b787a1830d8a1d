#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "actors/hub/event_log.hpp"
#include "actors/recovery.hpp"
#include "actors/settings.hpp"
#include "actors/supervisor/ledger.hpp"
#include "messages/ports.hpp"

namespace podsandbox {

/// A backoff queue's next attempt is due.
struct RetryDue {
  std::string id;
};

/// The pause before restarting an actor that died too often is over.
struct RestartDue {
  std::string id;
};

/// What could not be written is to be written again.
struct WriteAgain {};

using SupervisorActor =
    SupervisorPort::extend<caf::reacts_to<RetryDue>, caf::reacts_to<RestartDue>, caf::reacts_to<WriteAgain>>;

/// What a supervisor works on; it outlives the supervisor.
struct SupervisorSeed {
  std::shared_ptr<Ledger> ledger;
  std::shared_ptr<EventLog> events;
  Settings settings;
  bool has_journal = false;  // false: nothing outlives this process
};

/// Knows every sandbox: starts its actor and starts a new incarnation when that dies, routes calls and task
/// exits to it, and tries again, with backoff, what it could not finish.
class Supervisor {
 public:
  using Self = SupervisorActor::stateful_pointer<Supervisor>;

  explicit Supervisor(Self self) : self_(self) {}

  SupervisorActor::behavior_type start(SupervisorSeed seed);

  const char* name = "supervisor";

 private:
  /// The living side of a ledger entry.
  struct Live {
    SandboxPort actor;  // invalid while a restart is paused
    bool chore_in_delivery = false;
    std::vector<std::function<void(const SandboxPort&)>> parked;  // calls that came during the pause
  };

  /// A runtime on its way to have told what it has.
  struct Telling {
    std::set<std::string> unknown;  // sandboxes of which it has told, and nobody knows what they are
    std::set<std::string> recalls;  // asked of it, not answered
    std::string silence;            // why it does not say what it has
  };

  /// A call about a sandbox that nobody knows (yet).
  struct Parked {
    std::string id;                 // empty: it is about all of them
    std::set<RuntimeKind> awaited;  // whose word it waits for: what it has, or that it cannot say
    std::function<void()> serve;
  };

  void create(const Call<CreateSandbox>& call);
  void wait(const Call<WaitSandbox>& call);
  void shut_down(const Call<ShutdownSandbox>& call);
  void list(const Call<ListSandboxes>& call);
  void get(const Call<GetSandbox>& call);
  template <class Request>
  void route(const Call<Request>& call);
  template <class Message>
  void pass_on(const std::string& id, const Message& message);

  caf::result<Result<Saved>> save(const SaveRecord& save);
  void sandbox_died(const caf::down_msg& down);
  void start_incarnation(const std::string& id);

  void task_exit(const TaskExit& exit);
  void defer(const DeferChore& deferred);
  void deliver_chores(const std::string& id);
  void chore_failed(const std::string& id, const Error& why);

  // -- what the runtimes have (rebuilding.cpp) ---------------------------------
  template <class Request>
  auto when_decided(void (Supervisor::*handle)(const Call<Request>&));
  template <class Request>
  std::set<RuntimeKind> needed_for(const Request& request) const;
  std::set<RuntimeKind> needed_for(const CreateSandbox& request) const;
  void inventory(const Inventory& inventory);
  void recall(RuntimeKind kind, const Found& found);
  void recalled(RuntimeKind kind, const Found& found, Result<SpecPtr> spec);
  void check_process(const std::string& id);
  void ask_for_another_inventory(RuntimeKind kind);
  void take_over(RuntimeKind kind, const Found& found, SpecPtr spec);
  void consider_told(RuntimeKind kind);
  void heard_from(RuntimeKind kind);
  void serve_parked();
  Error no_such_sandbox(const std::string& id) const;
  Error not_known(const std::string& id, RuntimeKind silent) const;

  // -- the journal (writing.cpp) ----------------------------------------------
  void changed(const std::string& id, journal::Survives survives = journal::Survives::power_cut);
  void write();
  void write_done(const Result<Done>& written);
  void write_failed(const Error& why);
  void write_later(std::chrono::nanoseconds pause);
  void write_everything_again(const Error& why);
  void answer_savers(const Saved& saved);

  SandboxListing listing(const LedgerEntry& entry) const;
  void append(Event event);
  void publish(std::uint64_t last);
  LedgerEntry* find(const std::string& id);

  Self self_;
  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<EventLog> events_;
  Settings settings_;
  std::map<std::string, Live> live_;
  std::vector<Parked> parked_;
  std::map<RuntimeKind, Telling> tellings_;
  bool has_journal_ = false;
  bool write_again_sent_ = false;
  std::optional<Error> trouble_;  // why the last write failed
  std::vector<std::pair<Scribe::Number, std::function<void(const Saved&)>>> savers_;  // who wait for a write
  std::mt19937_64 random_{std::random_device{}()};
};

SupervisorPort spawn_supervisor(caf::actor_system& system, SupervisorSeed seed);

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::RetryDue)
PODSANDBOX_MESSAGE(podsandbox::RestartDue)
PODSANDBOX_MESSAGE(podsandbox::WriteAgain)
