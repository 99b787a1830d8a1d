#pragma once

#include <string>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/host/cgroup.hpp"

namespace podsandbox::host {

/// The figures of cgroup `path` ("/a/b") as containerd's Metrics message of that cgroup version: CPU time,
/// memory and number of processes, as far as the host has the controllers. NOT_FOUND when there is no such
/// cgroup. May hang, as files may.
Result<Payload> read_cgroup_metrics(const CgroupMounts& mounts, const std::string& path);

}  // namespace podsandbox::host
