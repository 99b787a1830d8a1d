#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "proto/containerd_sandbox.pb.h"
#include "proto/cri.pb.h"

namespace podsandbox::ctl {

/// What flags say about a sandbox to be created. They override and add to what the file says.
struct PodFlags {
  std::optional<std::string> file;  // PodSandboxConfig as JSON
  std::optional<std::string> name;
  std::optional<std::string> pod_namespace;
  std::optional<std::string> uid;
  std::optional<std::uint32_t> attempt;
  std::optional<std::string> hostname;
  bool host_network = false;
  std::string netns;
  std::vector<std::string> labels;       // KEY=VALUE
  std::vector<std::string> annotations;  // KEY=VALUE
  std::optional<std::string> cgroup_parent;
  std::string runtime = "io.containerd.runc.v2";
};

/// A sandbox id that nobody has: 64 hexadecimal digits.
std::string new_id();

/// Reads a PodSandboxConfig in the CRI's JSON form. A field that the CRI does not have is an error, which
/// names `source`.
Result<::runtime::v1::PodSandboxConfig> parse_pod_config(const std::string& json, const std::string& source);

/// The config that the flags, and the file that they name, describe. A pod without name or uid is called by
/// the sandbox's id, its namespace is "default".
Result<::runtime::v1::PodSandboxConfig> make_pod_config(const PodFlags& flags, const std::string& id);

/// The request that asks for this sandbox, as containerd would send it.
Result<containerd::services::sandbox::v1::ControllerCreateRequest> make_create_request(const PodFlags& flags,
                                                                                       const std::string& id);

}  // namespace podsandbox::ctl
