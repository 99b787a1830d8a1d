#include "actors/root/root.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "actors/exits/exits.hpp"
#include "actors/gateway/gateway.hpp"
#include "actors/hub/hub.hpp"
#include "actors/supervisor/restore.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "messages/log.hpp"

namespace podsandbox {

namespace {

/// Long enough for a successor to be there, short enough not to be noticed.
constexpr auto resend_pause = std::chrono::milliseconds(2);

struct SendAgain {};

using RootActor = RootPort::extend<caf::reacts_to<SendAgain>>;

class Root {
 public:
  using Self = RootActor::stateful_pointer<Root>;

  explicit Root(Self self) : self_(self) {}

  RootActor::behavior_type start(RootSeed seed) {
    seed_ = std::move(seed);
    restore_state();
    self_->set_down_handler([this](const caf::down_msg& down) { child_died(down); });
    self_->set_error_handler([this](const caf::error& error) {
      log::error("root", {}, "unexpected error message: " + self_->system().render(error));
    });
    self_->system().registry().put(names::root, caf::actor_cast<caf::strong_actor_ptr>(self_));
    if (seed_.make_journal) start_child(names::journal);
    for (const auto kind : runtimes()) start_child(names::runtime(kind));
    for (const auto name : {names::hub, names::supervisor, names::exits, names::gateway}) start_child(name);
    for (const auto& companion : seed_.companions) start_child(companion.name);
    self_->send(self_, CallsLost{});  // those that came before us found nobody to tell
    return {
        [this](const CallsLost&) { self_->delayed_send(self_, resend_pause, SendAgain{}); },
        [this](const StopAll&) { stop_all(); },
        [](const Ping&) { return Pong{}; },
        [this](const SendAgain&) { seed_.desk->send_lost_again(); },
    };
  }

  const char* name = "root";

 private:
  /// What the supervisor and the hub work on goes on where an earlier life of the daemon was.
  void restore_state() {
    auto contents = std::exchange(seed_.restored, {});
    ledger_ = std::make_shared<Ledger>();
    for (const auto kind : runtimes()) ledger_->untold.insert(kind);
    events_ = std::make_shared<EventLog>(seed_.settings.events_kept, std::move(contents.events),
                                         contents.next_sequence);
    const RestoreTime now{std::chrono::system_clock::now(), self_->clock().now()};
    for (const auto& [id, stored] : contents.sandboxes) {
      auto restored = restore(stored, seed_.boot_id, now);
      for (auto& event : restored.events) ledger_->scribe.happened(events_->append(std::move(event)));
      if (restored.changed) ledger_->scribe.changed(id);
      ledger_->sandboxes.emplace(id, std::move(restored.entry));
    }
    if (!contents.sandboxes.empty()) {
      log::info("root", {}, std::to_string(contents.sandboxes.size()) + " sandboxes are restored");
    }
  }

  std::vector<RuntimeKind> runtimes() const {
    std::vector<RuntimeKind> kinds;
    for (const auto& runtime : seed_.runtimes) kinds.push_back(runtime.kind);
    return kinds;
  }

  caf::strong_actor_ptr spawn_child(caf::atom_value name) {
    auto& system = self_->system();
    for (const auto& companion : seed_.companions) {
      if (name == companion.name) return companion.spawn(system);
    }
    for (const auto& runtime : seed_.runtimes) {
      if (name == names::runtime(runtime.kind)) {
        return caf::actor_cast<caf::strong_actor_ptr>(runtime.spawn(system));
      }
    }
    if (name == names::journal) return caf::actor_cast<caf::strong_actor_ptr>(seed_.make_journal(system));
    if (name == names::hub) return caf::actor_cast<caf::strong_actor_ptr>(spawn_hub(system, events_));
    if (name == names::exits) return caf::actor_cast<caf::strong_actor_ptr>(spawn_exits(system, runtimes()));
    if (name == names::gateway) return caf::actor_cast<caf::strong_actor_ptr>(spawn_gateway(system));
    return caf::actor_cast<caf::strong_actor_ptr>(
        spawn_supervisor(system, SupervisorSeed{ledger_, events_, seed_.settings, bool(seed_.make_journal)}));
  }

  void start_child(caf::atom_value name) {
    auto child = spawn_child(name);
    self_->monitor(child);
    // Put does not replace. Who looks between the two finds nobody, and tries again.
    self_->system().registry().erase(name);
    self_->system().registry().put(name, child);
    children_.insert_or_assign(name, std::move(child));
  }

  void child_died(const caf::down_msg& down) {
    for (const auto& [name, child] : children_) {
      if (child != down.source) continue;
      const auto child_name = name;
      const auto text = caf::to_string(child_name) + " died: " + self_->system().render(down.reason);
      log::error("root", {}, text);
      if (!seed_.intensity.allow(self_->clock().now())) return seed_.give_up(text + "; it dies too often");
      start_child(child_name);
      return tell_others(child_name);
    }
  }

  /// What a new child could not know, and what others asked of the one that died.
  void tell_others(caf::atom_value restarted) {
    for (const auto kind : runtimes()) {
      const bool is_new = restarted == names::runtime(kind);
      if (is_new) {
        self_->send(caf::actor_cast<SupervisorPort>(children_.at(names::supervisor)), RuntimeRestarted{kind});
      }
      if (is_new || restarted == names::supervisor) {
        self_->send(caf::actor_cast<ExitsPort>(children_.at(names::exits)), Reconcile{kind});
      }
    }
    if (restarted == names::journal) {
      self_->send(caf::actor_cast<SupervisorPort>(children_.at(names::supervisor)), JournalRestarted{});
    }
  }

  void stop_all() {
    self_->set_down_handler([](const caf::down_msg&) {});
    for (const auto& companion : seed_.companions) stop_child(companion.name);
    for (const auto name : {names::gateway, names::exits, names::supervisor, names::hub}) stop_child(name);
    for (const auto kind : runtimes()) stop_child(names::runtime(kind));
    if (seed_.make_journal) stop_child(names::journal);
    self_->system().registry().erase(names::root);
    self_->quit();
  }

  void stop_child(caf::atom_value name) {
    self_->send_exit(children_.at(name), caf::exit_reason::user_shutdown);
    self_->system().registry().erase(name);
  }

  Self self_;
  RootSeed seed_;
  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<EventLog> events_;
  std::map<caf::atom_value, caf::strong_actor_ptr> children_;
};

}  // namespace

RootPort spawn_root(caf::actor_system& system, RootSeed seed) {
  const auto give_up = seed.give_up;
  const auto root = system.spawn([](Root::Self self, RootSeed s) { return self->state.start(std::move(s)); },
                                 std::move(seed));
  // Nobody is above root: without it nothing would be restarted any more.
  caf::actor_cast<caf::abstract_actor*>(root)->attach_functor([give_up, &system](const caf::error& reason) {
    if (reason) give_up("root died: " + system.render(reason));
  });
  return root;
}

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::SendAgain)
