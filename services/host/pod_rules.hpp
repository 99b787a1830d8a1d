#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "messages/sandbox_spec.hpp"

/// What a pod's config must keep to, whatever runs it: the part that is the same for every runtime.
namespace podsandbox::host {

struct BrokenRule {
  const char* field;  ///< "config.hostname"
  std::string wrong;
};

constexpr std::size_t longest_hostname = 64;

/// The first rule that the pod breaks; empty: none. `host_name` is this host's.
std::optional<BrokenRule> broken_pod_rule(const SandboxSpec& spec, const std::string& host_name);

}  // namespace podsandbox::host
