#include "services/telemetry/logging.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>

namespace podsandbox::telemetry {

namespace {

constexpr std::size_t queued_lines = 8192;

spdlog::level::level_enum spdlog_level(log::Level level) {
  switch (level) {
    case log::Level::debug:
      return spdlog::level::debug;
    case log::Level::info:
      return spdlog::level::info;
    case log::Level::warn:
      return spdlog::level::warn;
    case log::Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += hex[byte >> 4U];
      out += hex[byte & 0xFU];
    } else {
      out += c;
    }
  }
}

}  // namespace

std::string log_fields(std::string_view component, std::string_view sandbox, std::string_view message) {
  std::string line = "component=";
  line += component;
  if (!sandbox.empty()) {
    line += " sandbox=";
    append_escaped(line, sandbox);
  }
  line += " msg=\"";
  append_escaped(line, message);
  line += '"';
  return line;
}

void start_logging(log::Level level) {
  spdlog::init_thread_pool(queued_lines, 1);
  auto logger = std::make_shared<spdlog::async_logger>(
      "podsandboxd", std::make_shared<spdlog::sinks::stderr_sink_mt>(), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog_level(level));
  logger->set_pattern("time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::warn);
  log::set_sink([logger](log::Level line_level, std::string_view component, std::string_view sandbox,
                         std::string_view message) {
    const auto as_spdlog = spdlog_level(line_level);
    if (logger->should_log(as_spdlog)) logger->log(as_spdlog, log_fields(component, sandbox, message));
  });
}

void stop_logging() {
  spdlog::shutdown();  // the sink stays: other threads may be using it
}

}  // namespace podsandbox::telemetry
