#include "actors/hub/hub.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>
#include <vector>

#include "messages/log.hpp"

namespace podsandbox {

namespace {

constexpr std::size_t batch_size = 256;

struct Hub {
  std::shared_ptr<const EventLog> log;
  std::vector<Call<ReadEvents>> waiting;
  const char* name = "hub";
};

using Self = HubPort::stateful_pointer<Hub>;

void answer(Self self, const Call<ReadEvents>& call) {
  if (!call.reply.wanted()) return call.reply.fail(ErrorKind::cancelled, "the client went away");
  const auto& log = *self->state.log;
  if (call.request.from == 0) return call.reply(EventBatch{{}, log.next()});
  auto batch = log.read(call.request.from, batch_size);
  if (batch && batch->events.empty()) {
    self->state.waiting.push_back(call);
  } else {
    call.reply(std::move(batch));
  }
}

HubPort::behavior_type hub(Self self, std::shared_ptr<const EventLog> log) {
  self->state.log = std::move(log);
  self->set_error_handler([self](const caf::error& error) {
    log::error("hub", {}, "unexpected error message: " + self->system().render(error));
  });
  return {
      [self](const Call<ReadEvents>& call) { answer(self, call); },
      [self](const CallerGone& gone) {
        auto& waiting = self->state.waiting;
        for (auto& call : waiting) {
          if (call.id != gone.call) continue;
          call.reply.fail(ErrorKind::cancelled, "the client went away");
          std::swap(call, waiting.back());
          waiting.pop_back();
          return;
        }
      },
      [self](const NewEvents&) {
        for (const auto& call : std::exchange(self->state.waiting, {})) answer(self, call);
      },
  };
}

}  // namespace

HubPort spawn_hub(caf::actor_system& system, std::shared_ptr<const EventLog> log) {
  return system.spawn(hub, std::move(log));
}

}  // namespace podsandbox
