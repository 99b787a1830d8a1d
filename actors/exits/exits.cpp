#include "actors/exits/exits.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "messages/log.hpp"

namespace podsandbox {

namespace {

constexpr auto list_timeout = std::chrono::seconds(10);
constexpr auto retry_pause = std::chrono::seconds(1);

template <class Message>
void tell_supervisor(ExitsPort::pointer self, Message message) {
  const auto supervisor = find_actor<SupervisorPort>(self->system(), names::supervisor);
  if (supervisor) self->send(supervisor, std::move(message));  // else root sends Reconcile when there is one
}

/// Tells the supervisor that this runtime does not say what it has, and asks it again soon.
void cannot_tell(ExitsPort::pointer self, RuntimeKind kind, const Error& why) {
  log::warn("exits", {},
            "the " + std::string(to_string(kind)) + " runtime does not say what it has: " + why.message);
  self->delayed_send(self, retry_pause, Reconcile{kind});
  tell_supervisor(self, Inventory{kind, tl::unexpected<Error>(why)});
}

void reconcile(ExitsPort::pointer self, RuntimeKind kind) {
  const auto runtime = find_actor<RuntimePort>(self->system(), names::runtime(kind));
  if (!runtime) return;  // root sends Reconcile when there is one
  self->send(runtime, runtime::Subscribe{caf::actor_cast<runtime::ExitSubscriber>(self)});
  self->request(runtime, list_timeout, runtime::ListAll{})
      .then(
          [self, kind](const Result<runtime::Holdings>& holdings) {
            if (!holdings) return cannot_tell(self, kind, holdings.error());
            tell_supervisor(self, Inventory{kind, holdings});
          },
          [self, kind](const caf::error& error) {
            cannot_tell(self, kind,
                        Error{ErrorKind::unavailable, "it does not answer: " + self->system().render(error)});
          });
}

ExitsPort::behavior_type exits(ExitsPort::pointer self, const std::vector<RuntimeKind>& runtimes) {
  self->set_error_handler([self](const caf::error& error) {
    log::error("exits", {}, "unexpected error message: " + self->system().render(error));
  });
  for (const auto kind : runtimes) self->send(self, Reconcile{kind});
  return {
      [self](const runtime::Exited& exited) {
        const auto& process = exited.process;
        if (!process.exit) return;
        tell_supervisor(self, TaskExit{process.id, process.pid, process.start_time, *process.exit});
      },
      [self](const Reconcile& wanted) { reconcile(self, wanted.runtime); },
  };
}

}  // namespace

ExitsPort spawn_exits(caf::actor_system& system, std::vector<RuntimeKind> runtimes) {
  return system.spawn(exits, std::move(runtimes));
}

}  // namespace podsandbox
