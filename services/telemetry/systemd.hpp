#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"

/// What the service manager that started us, if one did, has told us.
namespace podsandbox::telemetry {

struct Inherited {
  std::optional<int> socket;                   ///< of the API; the caller owns it
  std::map<std::string, host::UniqueFd> kept;  ///< what it has kept for an earlier daemon, by name
};

/// The descriptors that the service manager has passed to us; none of our children gets them. The socket of
/// the API, a listening unix one, is what is named after a socket unit or not at all, else what is not named
/// as ours are: FAILED_PRECONDITION when that is something else. Changes the environment: call it once,
/// before any thread is started.
Result<Inherited> inherited_descriptors();

/// How long the service manager waits for a sign of life before it ends us; nothing when it does not wait.
std::optional<std::chrono::microseconds> watchdog_limit();

}  // namespace podsandbox::telemetry
