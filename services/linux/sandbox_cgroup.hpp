#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "messages/error.hpp"
#include "services/host/cgroup.hpp"
#include "services/linux/scope.hpp"

/// The cgroup of a sandbox's own, made by whom its parent belongs to: in a slice by systemd, as a scope, and
/// anywhere else by us.
namespace podsandbox::linux_runtime {

struct CgroupPlace {
  std::string parent;  ///< the pod's
  std::string path;    ///< the sandbox's own

  bool operator==(const CgroupPlace&) const = default;
};

/// Where that of sandbox `id` belongs, or what is wrong with `cgroup_parent` (which is not empty): it comes
/// from a client.
tl::expected<CgroupPlace, std::string> place_cgroup(const std::string& cgroup_parent, const std::string& id);

/// Whether `path`, where `place_cgroup` once put sandbox `id`, is a scope.
bool is_scope(const std::string& path, const std::string& id);

/// The sandbox after which the cgroup at `path` is named: if it is one's, it is that sandbox's.
std::string named_after(const std::string& path);

/// Who makes cgroups on this host, for whom, and for how long they may be waited for.
struct CgroupMakers {
  host::CgroupMounts mounts;
  ScopeBus systemd;
  std::chrono::milliseconds deadline;  ///< for systemd
  std::string owner;                   ///< what the marks of ours say
};

/// Has the scope made where `place_cgroup` puts it, in a slice, with `pid` in it and with our mark. On
/// failure call `remove_sandbox_cgroup`, but not after ALREADY_EXISTS: then it is somebody else's. What is no
/// scope `make_cgroup` makes.
Result<Done> enter_sandbox_scope(const CgroupMakers& makers, const std::string& cgroup_parent,
                                 const std::string& id, int pid);

/// The cgroup of sandbox `id`, of which nothing is known but its process: the one that is named after it and
/// has the process in it. Empty when there is none.
std::optional<CgroupPlace> find_sandbox_cgroup(const std::string& id, int pid);

/// Done when there is none at `path`, where `place_cgroup` once put sandbox `id`.
Result<Done> remove_sandbox_cgroup(const CgroupMakers& makers, const std::string& path,
                                   const std::string& id);

}  // namespace podsandbox::linux_runtime
