#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace podsandbox {

/// Which of the daemon's runtimes makes a sandbox run. A sandbox belongs to one of them for all of its life.
enum class RuntimeKind : std::uint8_t {
  linux,       ///< processes of our own, which needs nobody else
  containerd,  ///< a pause container, made through containerd
};

inline constexpr std::array all_runtime_kinds{RuntimeKind::linux, RuntimeKind::containerd};

/// The name by which people know it, as in the configuration.
std::string_view to_string(RuntimeKind kind);

/// The one of that name; nothing when there is none.
std::optional<RuntimeKind> parse_runtime_kind(std::string_view name);

}  // namespace podsandbox
