#pragma once

#include <string>
#include <string_view>

namespace podsandbox::host {

/// What a node is, in Go's names.
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;  // only arm has any
};

/// From the machine name that uname(2) tells.
Platform platform_of(std::string_view machine);

/// This machine's.
const Platform& host_platform();

}  // namespace podsandbox::host
