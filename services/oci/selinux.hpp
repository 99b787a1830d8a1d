#pragma once

#include <string>

#include "messages/error.hpp"
#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

/// Labels of SELinux; all empty where it is not enforcing.
struct SelinuxLabels {
  std::string pod;      ///< that of the pod's processes, unless a container says otherwise
  std::string process;  ///< the pause process's own
  std::string mount;    ///< that of its file systems

  bool operator==(const SelinuxLabels&) const = default;
};

/// The labels that the config's selinux_options ask for. The level has to be given: to choose one that no
/// other pod has, one must know those of all.
Result<SelinuxLabels> selinux_labels(const Inputs& inputs);

}  // namespace podsandbox::oci
