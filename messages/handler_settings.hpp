#pragma once

#include <map>
#include <string>

namespace podsandbox {

/// What CRI's configuration decides for the pods of a runtime handler and never tells an external controller,
/// so that ours has to say it again. The defaults are CRI's.
struct HandlerSettings {
  bool enable_unprivileged_ports = true;
  bool enable_unprivileged_icmp = true;
  bool restrict_oom_score_adj = false;

  bool operator==(const HandlerSettings&) const = default;
};

/// The parts of CRI's configuration that we must know.
struct CriSettings {
  /// CRI's own directories: it takes the files of a pod from `sandboxes/ID` in each of them.
  std::string root_dir = "/var/lib/containerd/io.containerd.grpc.v1.cri";
  std::string state_dir = "/run/containerd/io.containerd.grpc.v1.cri";
  HandlerSettings defaults;
  std::map<std::string, HandlerSettings> handlers;  // by name; others have the defaults

  const HandlerSettings& of(const std::string& handler) const {
    const auto it = handlers.find(handler);
    return it == handlers.end() ? defaults : it->second;
  }
};

}  // namespace podsandbox
