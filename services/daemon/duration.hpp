#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "messages/error.hpp"

namespace podsandbox {

/// Reads a whole number and its unit: "500ms", "10s", "5m" or "24h". Durations that the daemon goes by are
/// between 1 ms and 24 h; anything else is INVALID_ARGUMENT.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Writes whole milliseconds in the largest unit that is exact: parse_duration reads the same value.
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace podsandbox
