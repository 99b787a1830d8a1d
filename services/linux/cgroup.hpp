#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "messages/error.hpp"

/// Cgroups by their files. Every function may hang, as files may.
namespace podsandbox::linux_runtime {

/// Where cgroups are on this host: either the mounted hierarchies of cgroup v1, or that of v2.
struct CgroupMounts {
  bool unified = false;
  std::vector<std::filesystem::path> paths;  ///< empty: no cgroups

  bool operator==(const CgroupMounts&) const = default;
};

/// Reads the text of /proc/PID/mountinfo. With hierarchies of both versions it is v1 that has the
/// controllers.
CgroupMounts parse_cgroup_mounts(const std::string& mountinfo);

/// The host's, as this process sees it.
CgroupMounts find_cgroup_mounts();

/// Makes the cgroup `path` ("/a/b") in every hierarchy, its parents too, with the least share of the CPU, and
/// moves `pid` into it. Calls may be repeated. ALREADY_EXISTS when there is one that we did not make. On
/// failure call `remove_cgroup`.
Result<Done> enter_cgroup(const CgroupMounts& mounts, const std::string& path, int pid);

/// Removes the cgroup, and those of its parents that were made by us and are empty now. Leaves what we did
/// not make. Done, too, when there is none.
Result<Done> remove_cgroup(const CgroupMounts& mounts, const std::string& path);

}  // namespace podsandbox::linux_runtime
