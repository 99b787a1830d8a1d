#pragma once

#include <string>

#include "services/linux/plan.hpp"

namespace podsandbox::linux_runtime {

/// The packet that tells a pause process how to set itself up (pause_protocol.hpp), and that `cgroup_count`
/// descriptors of cgroups come with it.
std::string pause_setup(const Plan& plan, std::size_t cgroup_count);

/// What a pause process was doing at `step`, for a message; `item` counts within it.
std::string describe_step(std::uint32_t step, std::uint32_t item, const Plan& plan);

}  // namespace podsandbox::linux_runtime
