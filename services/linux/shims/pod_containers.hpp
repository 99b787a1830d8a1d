#pragma once

#include <string>

#include "services/host/process_record.hpp"
#include "services/linux/shims/shim_end.hpp"

/// What a pod's shim must know of the pod, as its Start was asked: read when it is needed, from a file.
namespace podsandbox::linux_runtime {

struct ShimWishes {
  std::string runtime_type;
  std::string cgroup;  ///< runc's ShimCgroup
};

/// The usual ones when the file is lost. May block, as files may.
ShimWishes shim_wishes(const host::RecordStore& records, const std::string& id);

PodContainers containers_of(const host::RecordStore& records, const std::string& id);

}  // namespace podsandbox::linux_runtime
