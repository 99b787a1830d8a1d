#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "messages/runtime_kind.hpp"

namespace podsandbox {

/// What is configured for the pods of a runtime handler: the runtime that we give them to, and what CRI's
/// configuration decides for them and never tells an external controller, so that ours has to say it again.
/// The defaults are CRI's.
struct HandlerSettings {
  bool enable_unprivileged_ports = true;
  bool enable_unprivileged_icmp = true;
  bool restrict_oom_score_adj = false;
  RuntimeKind runtime = RuntimeKind::linux;
  // -- for the containerd runtime alone --------------------------------------
  std::string snapshotter = "overlayfs";
  /// Shell patterns; a pod's annotation whose key matches one is passed to the OCI runtime. `*` and `?` match
  /// no '/'.
  std::vector<std::string> pod_annotations;
  /// For pods that name no seccomp profile: "", "unconfined", "runtime/default" or "localhost/FILE".
  std::string unset_seccomp_profile;

  bool operator==(const HandlerSettings&) const = default;
};

/// The parts of CRI's configuration that we must know.
struct CriSettings {
  /// CRI's own directories: it takes the files of a pod from `sandboxes/ID` in each of them.
  std::string root_dir = "/var/lib/containerd/io.containerd.grpc.v1.cri";
  std::string state_dir = "/run/containerd/io.containerd.grpc.v1.cri";
  std::string sandbox_image = "registry.k8s.io/pause:3.10";  // of pause containers
  HandlerSettings defaults;
  std::map<std::string, HandlerSettings> handlers;  // by name; others have the defaults

  const HandlerSettings& of(const std::string& handler) const {
    const auto it = handlers.find(handler);
    return it == handlers.end() ? defaults : it->second;
  }

  /// Whether the pods of some handler are given to this runtime.
  bool uses(RuntimeKind runtime) const {
    return defaults.runtime == runtime ||
           std::any_of(handlers.begin(), handlers.end(),
                       [runtime](const auto& handler) { return handler.second.runtime == runtime; });
  }
};

}  // namespace podsandbox
