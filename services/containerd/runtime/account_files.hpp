#pragma once

#include "messages/error.hpp"
#include "services/containerd/runtime/api.hpp"
#include "services/oci/user.hpp"

namespace podsandbox::containerd_runtime {

/// /etc/passwd and /etc/group of a root file system that has these mounts. They are mounted in a mount
/// namespace that the calling thread gets for this: call it on a thread of its own (host/aside.hpp), which
/// sees nothing else any more. May hang, as files may.
Result<oci::AccountFiles> read_account_files(const Mounts& mounts);

}  // namespace podsandbox::containerd_runtime
