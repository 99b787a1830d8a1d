#pragma once

#include <string>
#include <tl/expected.hpp>

namespace podsandbox::oci {

/// The cgroup of container `id` in the pod's `cgroup_parent`, as an OCI spec names it: "/a/b/ID", or
/// "c.slice:cri-containerd:ID" where the parent's last component is a slice of systemd. Without a parent it
/// is containerd's own choice. Or what is wrong with the parent: it comes from a client and becomes a path.
tl::expected<std::string, std::string> cgroups_path(const std::string& cgroup_parent, const std::string& id);

}  // namespace podsandbox::oci
