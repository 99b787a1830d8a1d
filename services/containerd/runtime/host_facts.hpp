#pragma once

#include "services/oci/inputs.hpp"

namespace podsandbox::containerd_runtime {

/// This host's, as they are now. containerd's oom_score_adj is taken to be ours: the units give both the
/// same.
oci::HostFacts host_facts();

}  // namespace podsandbox::containerd_runtime
