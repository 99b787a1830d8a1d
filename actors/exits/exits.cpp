#include "actors/exits/exits.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <chrono>
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

void reconcile(ExitsPort::pointer self) {
  const auto runtime = find_actor<RuntimePort>(self->system(), names::runtime);
  if (!runtime) return;  // root sends Reconcile when there is one
  self->send(runtime, runtime::Subscribe{caf::actor_cast<runtime::ExitSubscriber>(self)});
  self->request(runtime, list_timeout, runtime::ListAll{})
      .then(
          [self](const Result<runtime::Holdings>& holdings) {
            if (!holdings) {
              log::warn("exits", {}, "the runtime cannot say what it has: " + holdings.error().message);
              self->delayed_send(self, retry_pause, Reconcile{});
            }
            tell_supervisor(self, Inventory{holdings});
          },
          [self](const caf::error& error) {
            const auto why = "the runtime does not answer: " + self->system().render(error);
            log::warn("exits", {}, why);
            self->delayed_send(self, retry_pause, Reconcile{});
            tell_supervisor(self, Inventory{failure(ErrorKind::unavailable, why)});
          });
}

ExitsPort::behavior_type exits(ExitsPort::pointer self) {
  self->set_error_handler([self](const caf::error& error) {
    log::error("exits", {}, "unexpected error message: " + self->system().render(error));
  });
  self->send(self, Reconcile{});
  return {
      [self](const runtime::Exited& exited) {
        const auto& process = exited.process;
        if (!process.exit) return;
        tell_supervisor(self, TaskExit{process.id, process.pid, process.start_time, *process.exit});
      },
      [self](const Reconcile&) { reconcile(self); },
  };
}

}  // namespace

ExitsPort spawn_exits(caf::actor_system& system) {
  return system.spawn(exits);
}

}  // namespace podsandbox
