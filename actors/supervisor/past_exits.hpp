#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "messages/sandbox_record.hpp"

namespace podsandbox {

/// The exits of sandboxes that were removed a short while ago. A Wait that was asked while its sandbox
/// existed, and was on its way again because an actor died, gets the true exit even if the sandbox was
/// removed meanwhile. Pure: the caller brings the time.
class PastExits {
 public:
  using Clock = std::chrono::steady_clock;

  /// Longer than any call is on its way.
  static constexpr auto kept = std::chrono::minutes(1);

  void remember(const std::string& id, const Exit& exit, Clock::time_point removed_at) {
    std::erase_if(exits_, [&](const auto& entry) { return removed_at - entry.second.removed_at > kept; });
    exits_.insert_or_assign(id, Past{exit, removed_at});
  }

  /// The exit, for somebody who asked before the sandbox was removed.
  std::optional<Exit> find(const std::string& id, Clock::time_point asked_at) const {
    const auto it = exits_.find(id);
    if (it == exits_.end() || asked_at > it->second.removed_at) return {};
    return it->second.exit;
  }

 private:
  struct Past {
    Exit exit;
    Clock::time_point removed_at;
  };

  std::map<std::string, Past> exits_;
};

}  // namespace podsandbox
