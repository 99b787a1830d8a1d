#pragma once

#include "services/linux/plan.hpp"

namespace podsandbox::linux_runtime {

/// This host's, as they are now.
HostFacts host_facts();

}  // namespace podsandbox::linux_runtime
