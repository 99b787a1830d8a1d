#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// How actors log without knowing where logs go: services/telemetry installs the sink.
namespace podsandbox::log {

enum class Level : std::uint8_t { debug, info, warn, error };

/// Must not block and may be called from any thread. `sandbox` is empty for what concerns none.
using Sink = std::function<void(Level, std::string_view component, std::string_view sandbox,
                                std::string_view message)>;

/// Call before the first actor runs, or in a test; without a sink nothing is logged.
void set_sink(Sink sink);

void write(Level level, std::string_view component, std::string_view sandbox, std::string_view message);

inline void debug(std::string_view component, std::string_view sandbox, std::string_view message) {
  write(Level::debug, component, sandbox, message);
}
inline void info(std::string_view component, std::string_view sandbox, std::string_view message) {
  write(Level::info, component, sandbox, message);
}
inline void warn(std::string_view component, std::string_view sandbox, std::string_view message) {
  write(Level::warn, component, sandbox, message);
}
inline void error(std::string_view component, std::string_view sandbox, std::string_view message) {
  write(Level::error, component, sandbox, message);
}

}  // namespace podsandbox::log
