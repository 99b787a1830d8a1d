#pragma once

#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <optional>
#include <string>
#include <vector>

#include "messages/chore.hpp"
#include "messages/message_types.hpp"
#include "messages/ping.hpp"
#include "messages/requests.hpp"
#include "messages/runtime_port.hpp"
#include "messages/survives.hpp"

/// The typed interfaces of our actors and what they say to one another. The runtime's is in runtime_port.hpp.
namespace podsandbox {

// -- exits -> supervisor -----------------------------------------------------

/// What one runtime has, told to the supervisor after every (re)connection to it.
struct Inventory {
  RuntimeKind runtime = RuntimeKind::linux;
  Result<runtime::Holdings> holdings;  // or why it does not say
};

// -- sandbox -> supervisor ---------------------------------------------------

/// Keep this record for the next incarnation, and tell watchers of the events. A removed sandbox's record
/// (all_cleaned and removal_wanted) is forgotten. Answered when it is kept, which is when the journal has it,
/// or has said why it has not.
struct SaveRecord {
  SandboxRecord record;
  std::uint64_t incarnation = 0;  // the sender's; a stale one is refused with ABORTED
  std::vector<Event> events;      // their sequence numbers are given by the log
  journal::Survives survives = journal::Survives::power_cut;
};

/// The record is kept for the next incarnation; if it is not on the disk, why.
struct Saved {
  std::optional<Error> not_durable;
};

/// A chore of this sandbox failed outside of a delivery by the supervisor: queue it for a retry.
struct DeferChore {
  Chore chore;
  std::uint64_t incarnation = 0;
  Error why;
};

// -- supervisor -> sandbox ---------------------------------------------------

/// The runtime does not list this sandbox's process: ask it, and take a process that is gone for an exit.
struct CheckProcess {};

/// The actor of this runtime died and has a successor: what was asked of it and not answered must be asked
/// again. The supervisor tells those whose runtime it is.
struct RuntimeRestarted {
  RuntimeKind runtime = RuntimeKind::linux;
};

/// The journal's actor died and has a successor: what it did not answer must be written again.
struct JournalRestarted {};

// -- the interfaces ----------------------------------------------------------

using SandboxPort =
    caf::typed_actor<caf::reacts_to<Call<CreateSandbox>>, caf::reacts_to<Call<StartSandbox>>,
                     caf::reacts_to<Call<StopSandbox>>, caf::reacts_to<Call<WaitSandbox>>,
                     caf::reacts_to<Call<SandboxStatus>>, caf::reacts_to<Call<ShutdownSandbox>>,
                     caf::reacts_to<Call<SandboxMetrics>>, caf::reacts_to<Call<UpdateSandbox>>,
                     caf::reacts_to<CallerGone>, caf::reacts_to<CheckProcess>,
                     caf::reacts_to<RuntimeRestarted>, caf::replies_to<Chore>::with<Result<Done>>>;

/// What the gateway and the supervisor both take: every call that clients make.
using CallsPort = caf::typed_actor<caf::reacts_to<Call<CreateSandbox>>, caf::reacts_to<Call<StartSandbox>>,
                                   caf::reacts_to<Call<StopSandbox>>, caf::reacts_to<Call<WaitSandbox>>,
                                   caf::reacts_to<Call<SandboxStatus>>, caf::reacts_to<Call<ShutdownSandbox>>,
                                   caf::reacts_to<Call<SandboxMetrics>>, caf::reacts_to<Call<UpdateSandbox>>,
                                   caf::reacts_to<Call<ListSandboxes>>, caf::reacts_to<Call<GetSandbox>>,
                                   caf::reacts_to<CallerGone>>;

using GatewayPort = CallsPort::extend<caf::reacts_to<Call<ReadEvents>>>::extend_with<PingPort>;

using SupervisorPort = CallsPort::extend<caf::reacts_to<TaskExit>, caf::reacts_to<Inventory>,
                                         caf::replies_to<SaveRecord>::with<Result<Saved>>,
                                         caf::reacts_to<DeferChore>, caf::reacts_to<RuntimeRestarted>,
                                         caf::reacts_to<JournalRestarted>>::extend_with<PingPort>;

/// Subscribe to this runtime again and tell the supervisor all that it has: one of both is new.
struct Reconcile {
  RuntimeKind runtime = RuntimeKind::linux;
};

using ExitsPort = runtime::ExitSubscriber::extend<caf::reacts_to<Reconcile>>;

/// There is something new in the event log.
struct NewEvents {};

using HubPort =
    caf::typed_actor<caf::reacts_to<Call<ReadEvents>>, caf::reacts_to<CallerGone>, caf::reacts_to<NewEvents>>;

// -- root --------------------------------------------------------------------

/// Calls were lost with the actor that had them: send them again soon.
struct CallsLost {};

/// End every actor, in order.
struct StopAll {};

using RootPort = caf::typed_actor<caf::reacts_to<CallsLost>, caf::reacts_to<StopAll>>::extend_with<PingPort>;

// -- who is where ------------------------------------------------------------

/// The actors that exist once are found by these names; root keeps them current over restarts. Look up at
/// each use, never keep the handle.
namespace names {
inline constexpr auto gateway = caf::atom("gateway");
inline constexpr auto supervisor = caf::atom("supervisor");
inline constexpr auto exits = caf::atom("exits");
inline constexpr auto hub = caf::atom("hub");
inline constexpr auto journal = caf::atom("journal");
inline constexpr auto root = caf::atom("root");

/// Each runtime by its own.
constexpr caf::atom_value runtime(RuntimeKind kind) {
  return kind == RuntimeKind::containerd ? caf::atom("containerd") : caf::atom("linux");
}
}  // namespace names

/// The actor of that name, or an invalid handle when there is none (yet).
template <class Port>
Port find_actor(caf::actor_system& system, caf::atom_value name) {
  return system.registry().template get<Port>(name);
}

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::TaskExit)
PODSANDBOX_MESSAGE(podsandbox::Chore)
PODSANDBOX_MESSAGE(podsandbox::Inventory)
PODSANDBOX_MESSAGE(podsandbox::SaveRecord)
PODSANDBOX_MESSAGE(podsandbox::DeferChore)
PODSANDBOX_MESSAGE(podsandbox::CheckProcess)
PODSANDBOX_MESSAGE(podsandbox::RuntimeRestarted)
PODSANDBOX_MESSAGE(podsandbox::JournalRestarted)
PODSANDBOX_MESSAGE(podsandbox::Reconcile)
PODSANDBOX_MESSAGE(podsandbox::NewEvents)
PODSANDBOX_MESSAGE(podsandbox::CallsLost)
PODSANDBOX_MESSAGE(podsandbox::StopAll)
