#pragma once

#include <string>

#include "services/containerd/runtime/context.hpp"

/// A pod's snapshot, and the lease that holds it until the container's record does (facts: a snapshot that
/// nothing holds is collected, at any moment).
namespace podsandbox::containerd_runtime {

/// Whose snapshot. What is referred to must outlive what is made of it.
struct SnapshotWish {
  const SandboxSpec& sandbox;
  const Image& image;
  std::string snapshotter;
};

/// Unpacks the image where it is not. Gives the mounts of the root file system. The snapshot is held by CRI's
/// lease for the pod, or by one of ours.
host::Flow<Result<Mounts>> make_snapshot(const Context& context, SandboxPtr sandbox, SnapshotWish wish);

/// Ends the lease that is ours, if there is one.
host::Flow<Result<Done>> end_lease(const Context& context, SandboxPtr sandbox);

}  // namespace podsandbox::containerd_runtime
