#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"

/// The containers of a pod whose shim has died: they run on and nobody else knows of them. What the OCI
/// runtime has written down is the truth, for containerd may have forgotten them already.
namespace podsandbox::linux_runtime {

/// The program that the pod's shim makes containers with, and where that keeps its state.
struct OciRuntime {
  std::string binary;           // a name is looked for in our PATH
  std::filesystem::path root;   // without the directory of containerd's namespace, "k8s.io"
  std::string cgroup_parent{};  // of the pod, as CRI gives it; empty: there is none, or it is not known

  bool operator==(const OciRuntime&) const = default;
};

/// As the runtime options say; what they do not say is the shim's own default (runc, /run/containerd/runc).
/// Of a spec without a config the cgroup parent is not known.
OciRuntime oci_runtime_of(const SandboxSpec& spec);

/// The ids of the containers that the runtime made for this pod, running or not, in order. One that is being
/// made is among them as soon as the runtime has written it down: no shim may run for the pod meanwhile. One
/// whose making was cut off before that is among them by its cgroup, if no process is left in it.
/// An error when the runtime cannot be asked about one that may be the pod's. Blocks, at most
/// until the deadline (and a second more, as below).
Result<std::vector<std::string>> containers_of_pod(
    const OciRuntime& runtime, const std::string& sandbox_id,
    std::chrono::milliseconds deadline = std::chrono::seconds(20));

/// Kills and removes each of them, through the runtime: done when it has no state of them, and their cgroups
/// with all that ran there are gone; also of one that there is not. Tries all; the error is of the first that
/// failed, with the runtime's own words (UNAVAILABLE; DEADLINE_EXCEEDED when it had to be killed). Blocks, at
/// most until the deadline, of which each gets its share, and a second more for a runtime that cannot be
/// killed.
Result<Done> remove_containers(const OciRuntime& runtime, const std::vector<std::string>& ids,
                               std::chrono::milliseconds deadline);

}  // namespace podsandbox::linux_runtime
