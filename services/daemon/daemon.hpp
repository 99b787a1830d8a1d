#pragma once

#include "messages/error.hpp"
#include "services/daemon/config.hpp"

namespace podsandbox {

/// Runs the daemon until SIGTERM or SIGINT, which drain it, or until it cannot go on. Call with all signals
/// still at their defaults and before any other thread is started. Done after a drain; an error says why the
/// process must end with a failure, so that whoever supervises it starts another.
Result<Done> run_daemon(const Config& config);

}  // namespace podsandbox
