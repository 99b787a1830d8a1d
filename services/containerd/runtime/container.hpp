#pragma once

#include <optional>
#include <string>

#include "messages/error.hpp"
#include "messages/sandbox_record.hpp"
#include "proto/containerd_containers.pb.h"
#include "services/containerd/runtime/image_walk.hpp"

/// The container record of a sandbox: what containerd keeps of it, and what can be read from it again. All
/// pure.
///
/// It has the label by which CRI knows a sandbox's container, so that containerd, when it starts, leaves the
/// pod's directories alone, and never the extension that CRI's own have: the controller built into containerd
/// would take the pod for one of its own.
namespace podsandbox::containerd_runtime {

using Container = ::containerd::services::containers::v1::Container;

/// The label whose value is the owner.
inline constexpr const char* owner_label = "podsandboxd.io/owner";

/// What is told of a sandbox beyond what its record has.
struct ContainerParts {
  std::string image;  ///< the name of its record
  Labels image_labels;
  std::string snapshotter;
  Payload spec;               ///< the OCI spec
  std::string selinux_label;  ///< the pod's; empty: none
};

Container make_container(const SandboxSpec& sandbox, const std::string& owner, const ContainerParts& parts);

/// Whether the daemon `owner` made it.
bool is_ours(const Container& container, const std::string& owner);

/// What its Start was asked. NOT_FOUND when it does not say, or not what makes sense.
Result<SpecPtr> sandbox_of(const Container& container);

/// What is told of a sandbox that was started, but for its process.
Started describe(const Container& container);

/// The labels of a pod's snapshot: whose it is, and what the pod's annotations say to snapshotters.
Labels snapshot_labels(const SandboxSpec& sandbox, const std::string& owner);

}  // namespace podsandbox::containerd_runtime
