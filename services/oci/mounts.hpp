#pragma once

#include <nlohmann/json.hpp>

#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

/// The pause container's `mounts`: a few file systems of its own, and the pod's /dev/shm and resolv.conf.
nlohmann::json mounts_of(const Inputs& inputs);

}  // namespace podsandbox::oci
