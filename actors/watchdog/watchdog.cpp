#include "actors/watchdog/watchdog.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <set>
#include <utility>

#include "messages/log.hpp"
#include "messages/ping.hpp"

namespace podsandbox {

namespace {

/// Long enough for a successor to be there.
constexpr auto pause_for_a_successor = std::chrono::milliseconds(10);

/// To itself: the next round is due.
struct NextRound {};

/// To itself: ask this one again.
struct AskAgain {
  caf::atom_value name;
};

}  // namespace

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::NextRound)
PODSANDBOX_MESSAGE(podsandbox::AskAgain)

namespace podsandbox {

namespace {

using Port = caf::typed_actor<caf::reacts_to<NextRound>, caf::reacts_to<AskAgain>>;

class Watchdog {
 public:
  using Self = Port::stateful_pointer<Watchdog>;

  explicit Watchdog(Self self) : self_(self) {}

  Port::behavior_type start(WatchdogSettings settings) {
    settings_ = std::move(settings);
    self_->set_error_handler([this](const caf::error& error) {
      log::error("watchdog", {}, "unexpected error message: " + self_->system().render(error));
    });
    self_->send(self_, NextRound{});
    return {
        [this](const NextRound&) { next_round(); },
        [this](const AskAgain& again) { ask(again.name); },
    };
  }

  const char* name = "watchdog";

 private:
  /// A round goes on until all have answered.
  void next_round() {
    self_->delayed_send(self_, settings_.interval, NextRound{});
    if (!missing_.empty()) return;
    missing_.insert(settings_.watched.begin(), settings_.watched.end());
    for (const auto asked : settings_.watched) ask(asked);
  }

  void ask(caf::atom_value asked) {
    const auto actor = find_actor<PingPort>(self_->system(), asked);
    if (!actor) return self_->delayed_send(self_, pause_for_a_successor, AskAgain{asked});
    self_->request(actor, settings_.interval, Ping{})
        .then([this, asked](const Pong&) { answered(asked); },
              [this, asked](const caf::error& error) { not_answered(asked, error); });
  }

  void answered(caf::atom_value asked) {
    missing_.erase(asked);
    if (missing_.empty()) settings_.feed();
  }

  void not_answered(caf::atom_value asked, const caf::error& error) {
    if (error != caf::sec::request_timeout) {  // it died
      return self_->delayed_send(self_, pause_for_a_successor, AskAgain{asked});
    }
    log::error("watchdog", {},
               caf::to_string(asked) + " hangs: the service manager will end us if it goes on");
    ask(asked);
  }

  Self self_;
  WatchdogSettings settings_;
  std::set<caf::atom_value> missing_;  // of this round
};

}  // namespace

caf::strong_actor_ptr spawn_watchdog(caf::actor_system& system, WatchdogSettings settings) {
  return caf::actor_cast<caf::strong_actor_ptr>(system.spawn<caf::detached>(
      [](Watchdog::Self self, WatchdogSettings s) { return self->state.start(std::move(s)); },
      std::move(settings)));
}

}  // namespace podsandbox
