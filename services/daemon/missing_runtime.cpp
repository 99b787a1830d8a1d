#include "services/daemon/missing_runtime.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

namespace podsandbox {

namespace {

RuntimePort::behavior_type missing_runtime(RuntimePort::pointer /*self*/, RuntimeKind kind,
                                           const std::set<std::string>& started) {
  const Error missing{ErrorKind::unimplemented,
                      "this podsandboxd has no " + std::string(to_string(kind)) + " runtime"};
  return {
      [=](const runtime::Start&) -> Result<Started> { return tl::unexpected<Error>(missing); },
      [=](const runtime::Kill&) -> Result<Done> { return tl::unexpected<Error>(missing); },
      [=](const runtime::Cleanup& cleanup) -> Result<Done> {
        if (!started.contains(cleanup.id)) return Done{};
        return tl::unexpected<Error>(missing);
      },
      [=](const runtime::Inspect&) -> Result<runtime::Process> { return tl::unexpected<Error>(missing); },
      [](const runtime::ListAll&) -> Result<runtime::Holdings> { return runtime::Holdings{}; },
      [=](const runtime::Recall&) -> Result<SpecPtr> { return tl::unexpected<Error>(missing); },
      [=](const runtime::ReadMetrics&) -> Result<Payload> { return tl::unexpected<Error>(missing); },
      [](const runtime::Subscribe&) {},
  };
}

}  // namespace

RuntimePort spawn_missing_runtime(caf::actor_system& system, RuntimeKind kind,
                                  std::set<std::string> started) {
  return system.spawn(missing_runtime, kind, std::move(started));
}

}  // namespace podsandbox
