#pragma once

#include <toml++/toml.h>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "services/daemon/config.hpp"

namespace podsandbox {

/// How one key of a `Target` is read, checked and written.
template <class Target>
struct KeyOf {
  std::string_view section;  // empty: top level
  std::string_view name;
  /// Sets the key, or says what is wrong with the value.
  std::function<Result<Done>(const toml::node&, Target&)> read;
  /// The value, as TOML.
  std::function<std::string(const Target&)> write;

  /// The name by which people know it, such as "backoff.initial".
  std::string full_name() const {
    return section.empty() ? std::string(name) : std::string(section) + "." + std::string(name);
  }
};

using ConfigKey = KeyOf<Config>;
using HandlerKey = KeyOf<HandlerSettings>;

/// Every key that there is but those of handlers, top level first, those of one section together.
const std::vector<ConfigKey>& config_keys();

/// `text` as TOML writes it.
std::string quoted(const std::string& text);

/// Every key of a section "handlers.NAME".
const std::vector<HandlerKey>& handler_keys();

}  // namespace podsandbox
