#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"

/// Cgroups by their files. Every function may hang, as files may.
namespace podsandbox::host {

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

/// Those of both versions: where both are mounted, others make their cgroups in both.
std::vector<std::filesystem::path> find_all_hierarchies();

/// The ways into a cgroup for a process that is being made. To move one that exists by its pid takes many
/// times as long: the kernel then waits until it knows that no process forks or ends meanwhile.
struct CgroupDoors {
  std::vector<UniqueFd> tasks;  ///< v1: of each hierarchy, open for the process itself to write "0"
  UniqueFd directory;           ///< v2: for CLONE_INTO_CGROUP
};

/// The most hierarchies of v1 that a process is told to enter.
inline constexpr std::size_t most_hierarchies = 16;

/// Before the name of a cgroup: the mark (owner_mark.hpp) that its parent bears while it is made.
inline constexpr const char* making_mark = "trusted.podsandbox.makes.";

/// Makes the cgroup `path` ("/a/b") in every hierarchy, its parents too, with the least share of the CPU;
/// each gets `owner`'s mark. Calls may be repeated. ALREADY_EXISTS when there is one that the owner did not
/// make. On failure call `remove_cgroup`.
Result<CgroupDoors> make_cgroup(const CgroupMounts& mounts, const std::string& path,
                                const std::string& owner);

/// Whether any process is in it, in any hierarchy; not whether one is in a cgroup below it.
bool has_processes(const CgroupMounts& mounts, const std::string& path);

/// Removes the cgroup, and those of its parents that were made by `owner` and are empty now; or by a version
/// whose marks named no owner. Leaves all others. Done, too, when there is none.
Result<Done> remove_cgroup(const CgroupMounts& mounts, const std::string& path, const std::string& owner);

}  // namespace podsandbox::host
