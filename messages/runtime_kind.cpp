#include "messages/runtime_kind.hpp"

namespace podsandbox {

std::string_view to_string(RuntimeKind kind) {
  switch (kind) {
    case RuntimeKind::linux:
      return "linux";
    case RuntimeKind::containerd:
      return "containerd";
  }
  return "unknown";
}

std::optional<RuntimeKind> parse_runtime_kind(std::string_view name) {
  for (const auto kind : all_runtime_kinds) {
    if (to_string(kind) == name) return kind;
  }
  return {};
}

}  // namespace podsandbox
