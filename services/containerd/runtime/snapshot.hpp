#pragma once

#include <string>

#include "services/containerd/runtime/context.hpp"

/// A pod's snapshot, and the lease that holds it until the container's record does.
namespace podsandbox::containerd_runtime {

/// Whose snapshot. What is referred to must outlive what is made of it.
struct SnapshotWish {
  const SandboxSpec& sandbox;
  const Image& image;
  std::string snapshotter;
};

/// Unpacks the image where it is not. Gives the mounts of the root file system.
host::Flow<Result<Mounts>> make_snapshot(const Context& context, SnapshotWish wish);

/// The lease of this sandbox's start, which `make_snapshot` makes.
std::string lease_name(const std::string& id);

/// Ends that lease, if there is one.
host::Flow<Result<Done>> end_lease(const Context& context, SandboxPtr sandbox);

}  // namespace podsandbox::containerd_runtime
