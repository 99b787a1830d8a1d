#pragma once

#include <toml++/toml.h>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "services/daemon/config.hpp"

namespace podsandbox {

/// How one key is read, checked and written.
struct ConfigKey {
  std::string_view section;  // empty: top level
  std::string_view name;
  /// Sets the key, or says what is wrong with the value.
  std::function<Result<Done>(const toml::node&, Config&)> read;
  /// The value, as TOML.
  std::function<std::string(const Config&)> write;

  /// The name by which people know it, such as "backoff.initial".
  std::string full_name() const {
    return section.empty() ? std::string(name) : std::string(section) + "." + std::string(name);
  }
};

/// Every key that there is, top level first, those of one section together.
const std::vector<ConfigKey>& config_keys();

}  // namespace podsandbox
