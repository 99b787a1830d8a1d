#pragma once

#include <set>
#include <string>

#include "services/host/cgroup.hpp"

namespace podsandbox::host {

struct MarkedCgroups {
  std::set<std::string> paths;  ///< "/a/b", found in at least one hierarchy
  bool complete = true;         ///< false: a hierarchy has more cgroups than are looked at
};

/// All cgroups that bear `owner`'s mark, or were announced by him and perhaps never made. Looks at every
/// cgroup there is: of those without others in them, which are most, only at the attributes. May hang, as
/// files may.
MarkedCgroups find_marked_cgroups(const CgroupMounts& mounts, const std::string& owner);

}  // namespace podsandbox::host
