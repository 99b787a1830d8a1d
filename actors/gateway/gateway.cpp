#include "actors/gateway/gateway.hpp"

#include <caf/typed_event_based_actor.hpp>

#include "messages/log.hpp"

namespace podsandbox {

namespace {

template <class Port, class Message>
void forward(GatewayPort::pointer self, caf::atom_value name, const Message& message) {
  if (const auto actor = find_actor<Port>(self->system(), name)) self->send(actor, message);
}

/// A handler that passes calls of this kind to the supervisor.
template <class Message>
auto to_supervisor(GatewayPort::pointer self) {
  return [self](const Message& message) { forward<SupervisorPort>(self, names::supervisor, message); };
}

GatewayPort::behavior_type gateway(GatewayPort::pointer self) {
  self->set_error_handler([self](const caf::error& error) {
    log::error("gateway", {}, "unexpected error message: " + self->system().render(error));
  });
  return {
      to_supervisor<Call<CreateSandbox>>(self),
      to_supervisor<Call<StartSandbox>>(self),
      to_supervisor<Call<StopSandbox>>(self),
      to_supervisor<Call<WaitSandbox>>(self),
      to_supervisor<Call<SandboxStatus>>(self),
      to_supervisor<Call<ShutdownSandbox>>(self),
      to_supervisor<Call<SandboxMetrics>>(self),
      to_supervisor<Call<UpdateSandbox>>(self),
      to_supervisor<Call<ListSandboxes>>(self),
      to_supervisor<Call<GetSandbox>>(self),
      [self](const CallerGone& gone) {
        if (gone.sandbox_id.empty()) {
          forward<HubPort>(self, names::hub, gone);
        } else {
          forward<SupervisorPort>(self, names::supervisor, gone);
        }
      },
      [self](const Call<ReadEvents>& call) { forward<HubPort>(self, names::hub, call); },
      [](const Ping&) { return Pong{}; },
  };
}

}  // namespace

GatewayPort spawn_gateway(caf::actor_system& system) {
  return system.spawn(gateway);
}

}  // namespace podsandbox
