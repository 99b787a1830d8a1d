#pragma once

#include <memory>

#include "messages/runtime_port.hpp"
#include "services/host/runtime.hpp"

namespace podsandbox::host {

/// The actor that speaks the runtime port for `runtime`. When it dies the runtime goes on: spawn another one.
RuntimePort spawn_runtime(caf::actor_system& system, std::shared_ptr<Runtime> runtime);

}  // namespace podsandbox::host
