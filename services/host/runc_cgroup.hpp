#pragma once

#include <chrono>
#include <string>

#include "messages/error.hpp"

/// The cgroups that OCI runtimes make for containers, and may leave.
namespace podsandbox::host {

/// That of container `id` ("/a/b"), for a pod's cgroup parent as CRI gives it; empty: it is wrong.
std::string runc_cgroup(const std::string& cgroup_parent, const std::string& id);

/// Kills what is in it, and removes it from every hierarchy, with all below it. Done, too, when there is
/// none. Blocks, at most until the deadline.
Result<Done> clear_runc_cgroup(const std::string& path, std::chrono::milliseconds deadline);

}  // namespace podsandbox::host
