#pragma once

#include <string>
#include <tl/expected.hpp>

/// Names of systemd's units and where their cgroups are. All pure.
namespace podsandbox::host {

/// Whether a pod's cgroup parent names a slice of systemd, as containerd decides it: by the end of its last
/// component alone.
bool is_slice(const std::string& cgroup_parent);

/// The slice that a pod's cgroup parent names: its last component ("/a/kubepods-pod1.slice" names
/// "kubepods-pod1.slice"); or what is wrong with it, it comes from a client.
tl::expected<std::string, std::string> slice_unit(const std::string& cgroup_parent);

/// The cgroup of that slice. Its name says in which others it is: "a-b.slice" is "/a.slice/a-b.slice", and
/// "-.slice", the root of all, is "/".
tl::expected<std::string, std::string> slice_path(const std::string& cgroup_parent);

/// The scope in which the pause process of sandbox `id` lives.
std::string scope_unit(const std::string& id);

}  // namespace podsandbox::host
