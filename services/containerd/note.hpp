#pragma once

#include <string>

#include "messages/log.hpp"

namespace podsandbox::containerd_client {

/// A line for the log; `sandbox` is empty for what concerns none.
struct Note {
  log::Level level = log::Level::info;
  std::string sandbox;
  std::string text;
};

}  // namespace podsandbox::containerd_client
