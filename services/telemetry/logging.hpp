#pragma once

#include <string>
#include <string_view>

#include "messages/log.hpp"

namespace podsandbox::telemetry {

/// Sends what is logged from `level` on to stderr, one line each:
///   time=2026-01-02T03:04:05.678Z level=info component=sandbox sandbox=ID msg="…"
/// On a thread of its own, so that a stderr that nobody reads never blocks an actor; when the queue is full
/// the oldest lines are dropped, and how many they were is said once somebody reads again.
void start_logging(log::Level level);

/// Writes what is queued and stops. False when that takes too long, because nobody reads it: the process then
/// cannot end in order (`std::_Exit`).
bool stop_logging();

/// The fields of one line after its time and level. Quotes, control bytes and line ends are escaped: much of
/// what is logged came from outside.
std::string log_fields(std::string_view component, std::string_view sandbox, std::string_view message);

}  // namespace podsandbox::telemetry
