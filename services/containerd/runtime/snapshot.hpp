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
  std::string lease;  ///< is made, too
};

/// Unpacks the image where it is not. Gives the mounts of the root file system.
host::Flow<Result<Mounts>> make_snapshot(const Context& context, SnapshotWish wish);

/// A name for a lease that no other has.
std::string lease_name(const std::string& id);

/// Ends a lease. Nobody waits for it: one that stays ends by itself.
void end_lease(const Context& context, const std::string& lease);

}  // namespace podsandbox::containerd_runtime
