#pragma once

#include <string>

#include "messages/error.hpp"
#include "messages/handler_settings.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/host/pod_directory.hpp"

/// The files of a pod, at the places from where CRI mounts them into the pod's containers:
/// `sandboxes/ID/{hostname,hosts,resolv.conf}` in its root directory and `sandboxes/ID/shm` in its state
/// directory. Every function may hang, as files may.
namespace podsandbox::host {

/// Makes them, with `owner`'s mark on the directories. `host_name` is for a pod that has none of its own.
/// ALREADY_EXISTS when there is a directory of this id already: it is not this sandbox's. On failure nothing
/// is left, or what is bears the mark.
Result<Done> make_pod_files(const CriSettings& cri, const std::string& owner, const SandboxSpec& spec,
                            const std::string& host_name);

/// Unmounts the pod's shared memory: containers that run keep theirs. Done, too, when there is none.
Result<Done> unmount_pod_shm(const CriSettings& cri, const std::string& owner, const std::string& id,
                             PodFiles which);

/// Removes those that `which` says, and whatever else has been put or mounted there. Done, too, when there is
/// nothing.
Result<Done> remove_pod_files(const CriSettings& cri, const std::string& owner, const std::string& id,
                              PodFiles which);

}  // namespace podsandbox::host
