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

  // -- what the runtime has (rebuilding.cpp) -----------------------------------
  template <class Request>
  auto when_complete(void (Supervisor::*handle)(const Call<Request>&));
  void inventory(const Inventory& inventory);
  void recall(const Found& found);
  void recalled(const std::string& id, bool runs, Result<SpecPtr> spec);
  void check_process(const std::string& id);
  void ask_for_another_inventory();
  void take_over(const std::string& id, bool runs, SpecPtr spec);
  void become_complete();
  void serve_parked();
  Error no_such_sandbox(const std::string& id) const;

  // -- the journal (writing.cpp) ----------------------------------------------
  void changed(const std::string& id);
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
  std::vector<std::function<void()>> parked_;  // calls that came before every sandbox was known
  std::set<std::string> recalls_;              // asked of the runtime, not answered
  bool recall_failed_ = false;
  std::string silence_;  // why the runtime does not say what it has
  bool has_journal_ = false;
  bool write_again_sent_ = false;
  std::optional<Error> trouble_;  // why the last write failed
  std::vector<std::pair<Scribe::Number, caf::typed_response_promise<Result<Saved>>>> savers_;
  std::mt19937_64 random_{std::random_device{}()};
};

SupervisorPort spawn_supervisor(caf::actor_system& system, SupervisorSeed seed);

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::RetryDue)
PODSANDBOX_MESSAGE(podsandbox::RestartDue)
PODSANDBOX_MESSAGE(podsandbox::WriteAgain)
