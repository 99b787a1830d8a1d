#pragma once

#include <memory>

#include "messages/runtime_port.hpp"
#include "services/linux/linux_runtime.hpp"

namespace podsandbox::linux_runtime {

/// The actor that speaks the runtime port for `runtime`. When it dies the runtime goes on: spawn another one.
RuntimePort spawn_linux_runtime(caf::actor_system& system, std::shared_ptr<LinuxRuntime> runtime);

}  // namespace podsandbox::linux_runtime
