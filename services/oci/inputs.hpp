#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/handler_settings.hpp"
#include "messages/sandbox_spec.hpp"

namespace podsandbox::oci {

/// What an image says of the containers that are made of it.
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;
  std::string working_dir;
  std::string user;  ///< "", "USER" or "USER:GROUP", each a name or a number

  bool operator==(const ImageConfig&) const = default;
};

/// What is configured: CRI's settings for the pod's runtime handler, and places.
struct Settings {
  HandlerSettings handler;
  std::string image;      ///< the sandbox image's name, as it is configured
  std::string root_dir;   ///< CRI's, as in CriSettings
  std::string state_dir;  ///< the same
};

/// An SELinux policy's contexts for containers. These are the usual policy's; another one says its own in its
/// contexts/lxc_contexts.
struct SelinuxPolicy {
  std::string user = "system_u";
  std::string process_role = "system_r";
  std::string process_type = "container_t";
  std::string virtual_machine_type =
      "container_kvm_t";  ///< instead of it, where containers are virtual machines
  std::string file_role = "object_r";
  std::string file_type = "container_file_t";
};

/// What the host says of itself.
struct HostFacts {
  std::string name;                      ///< its host name
  std::string architecture;              ///< in Go's words: "amd64", "arm64", …
  int oom_score_adj = 0;                 ///< containerd's own
  bool seccomp = true;                   ///< whether the kernel has filters
  bool in_user_namespace = false;        ///< whether containerd runs in one that is not the host's first
  std::optional<SelinuxPolicy> selinux;  ///< absent: it is not enforcing
};

/// Everything that a pause container's spec is made of, but for the contents of files. Borrowed.
struct Inputs {
  const SandboxSpec& sandbox;
  const ImageConfig& image;
  const Settings& settings;
  const HostFacts& host;
};

}  // namespace podsandbox::oci
