#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "services/containerd/runtime/image_platform.hpp"

namespace podsandbox::containerd_runtime {

/// What tells of a blob of an image: of which type it is, and which bytes it must be.
struct Descriptor {
  std::string media_type;
  std::string digest;
  std::int64_t size = 0;  ///< in bytes
  std::optional<Platform> platform = {};
  std::optional<std::string> data = {};  ///< the blob itself, unless it lies

  bool operator==(const Descriptor&) const = default;
};

}  // namespace podsandbox::containerd_runtime
