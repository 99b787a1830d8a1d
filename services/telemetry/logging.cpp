#include "services/telemetry/logging.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace podsandbox::telemetry {

namespace {

constexpr std::size_t queued_lines = 8192;
constexpr auto patience_at_the_end = std::chrono::seconds(2);

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

/// Says how many lines were dropped, when there is room to say so.
class Losses {
 public:
  explicit Losses(const std::shared_ptr<spdlog::details::thread_pool>& pool) : pool_(pool) {}

  void tell(spdlog::logger& logger) {
    const auto pool = pool_.lock();
    if (!pool) return;
    const auto lost = pool->overrun_counter();
    if (lost == told_ || pool->queue_size() > queued_lines / 2) return;
    const auto before = told_.exchange(lost);
    if (lost <= before) return;  // another thread has told
    logger.warn(
        log_fields("log", {}, std::to_string(lost - before) + " lines are lost: nobody read the log"));
  }

 private:
  const std::weak_ptr<spdlog::details::thread_pool> pool_;
  std::atomic<std::size_t> told_ = 0;
};

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
  const auto losses = std::make_shared<Losses>(spdlog::thread_pool());
  log::set_sink([logger, losses](log::Level line_level, std::string_view component, std::string_view sandbox,
                                 std::string_view message) {
    const auto as_spdlog = spdlog_level(line_level);
    if (!logger->should_log(as_spdlog)) return;
    losses->tell(*logger);
    logger->log(as_spdlog, log_fields(component, sandbox, message));
  });
}

bool stop_logging() {
  const auto stopped = std::make_shared<std::promise<void>>();
  auto ended = stopped->get_future();
  std::thread([stopped] {
    spdlog::shutdown();  // the sink stays: other threads may be using it
    stopped->set_value();
  }).detach();
  return ended.wait_for(patience_at_the_end) == std::future_status::ready;
}

}  // namespace podsandbox::telemetry
