#include "messages/log.hpp"

#include <utility>

namespace podsandbox::log {

namespace {

Sink& sink() {
  static Sink the_sink;
  return the_sink;
}

}  // namespace

void set_sink(Sink new_sink) {
  sink() = std::move(new_sink);
}

void write(Level level, std::string_view component, std::string_view sandbox, std::string_view message) {
  if (sink()) sink()(level, component, sandbox, message);
}

}  // namespace podsandbox::log
