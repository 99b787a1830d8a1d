#pragma once

#include <string>
#include <tl/expected.hpp>

namespace podsandbox::host {

/// The cgroup of a pod ("/a/b"; "" for none), whose parent of that name CRI gives: a path, or a slice of
/// systemd. Or what is wrong with it: it comes from a client.
tl::expected<std::string, std::string> pod_cgroup(const std::string& cgroup_parent);

}  // namespace podsandbox::host
