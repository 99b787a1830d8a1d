#include "services/host/pod_cgroup.hpp"

#include "services/host/cgroup_path.hpp"
#include "services/host/slice.hpp"

namespace podsandbox::host {

tl::expected<std::string, std::string> pod_cgroup(const std::string& cgroup_parent) {
  return is_slice(cgroup_parent) ? slice_path(cgroup_parent) : clean_cgroup_path(cgroup_parent);
}

}  // namespace podsandbox::host
