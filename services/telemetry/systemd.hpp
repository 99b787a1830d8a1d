#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "messages/error.hpp"

/// What there is between us and the service manager that started us, if one did.
namespace podsandbox::telemetry {

/// The listening unix socket that the service manager has passed to us; nothing when it passed none. The
/// caller owns it. FAILED_PRECONDITION when it passed something else. Changes the environment: call it once,
/// before any thread is started.
Result<std::optional<int>> inherited_socket();

/// How long the service manager waits for a sign of life before it ends us; nothing when it does not wait.
std::optional<std::chrono::microseconds> watchdog_limit();

/// Tells the service manager what we do, in words: what `systemctl status` shows, and who is woken at night
/// reads first. Like `notify` it may block when the service manager does not read, and does nothing when
/// there is none.
void tell_status(std::string status);

/// Tells it a change of state, as sd_notify(3) has it: "READY=1"; several are lines.
void notify(const std::string& state);

}  // namespace podsandbox::telemetry
