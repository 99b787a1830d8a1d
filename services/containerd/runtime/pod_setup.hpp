#pragma once

#include <string>

#include "messages/error.hpp"
#include "messages/handler_settings.hpp"
#include "messages/sandbox_spec.hpp"

namespace podsandbox::containerd_runtime {

/// What is needed on the host's file systems before a pod's container is made.
struct PodSetup {
  CriSettings cri;
  SpecPtr spec;
  std::string owner;                ///< of the files
  std::string host_name;            ///< for a pod that has none of its own
  std::string seccomp_file;         ///< to be read; empty: none
  std::string user_namespace_path;  ///< where the pod's user namespace is to be found; empty: nowhere
};

/// Makes the pod's files and pins its user namespace, which is that of its network. Gives the text of the
/// seccomp file. ALREADY_EXISTS when there is a directory of this id already: it is somebody else's. After
/// any other failure, and after a success, `host::remove_pod_files` removes what there is. May hang, as files
/// may.
Result<std::string> set_up_pod(const PodSetup& setup);

}  // namespace podsandbox::containerd_runtime
