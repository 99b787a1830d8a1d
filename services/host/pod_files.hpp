#pragma once

#include <string>

#include "messages/error.hpp"
#include "messages/handler_settings.hpp"
#include "messages/sandbox_spec.hpp"

/// The files of a pod, at the places from where CRI mounts them into the pod's containers:
/// `sandboxes/ID/{hostname,hosts,resolv.conf}` in its root directory and `sandboxes/ID/shm` in its state
/// directory. Every function may hang, as files may.
namespace podsandbox::host {

/// Makes them. `host_name` is for a pod that has none of its own. ALREADY_EXISTS when there is a directory of
/// this id already: it is somebody else's. After any other failure, and after a success, `remove_pod_files`
/// removes what there is.
Result<Done> make_pod_files(const CriSettings& cri, const SandboxSpec& spec, const std::string& host_name);

/// Unmounts the pod's shared memory: containers that run keep theirs. Done, too, when there is none.
Result<Done> unmount_pod_shm(const CriSettings& cri, const std::string& id);

/// Removes all of them, and whatever else has been put or mounted there. Done, too, when there is nothing.
Result<Done> remove_pod_files(const CriSettings& cri, const std::string& id);

}  // namespace podsandbox::host
