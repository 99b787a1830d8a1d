#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "messages/error.hpp"
#include "services/oci/inputs.hpp"
#include "services/oci/seccomp.hpp"
#include "services/oci/user.hpp"

/// The OCI runtime spec of a pod's pause container: the one that containerd's built-in controller would make,
/// but for its defects. All pure; what has to be read from files is told, and given to it.
namespace podsandbox::oci {

/// What is decided without looking into a file.
struct Choices {
  SeccompChoice seccomp;  ///< with Kind::file: read it
  std::optional<WantedUser> user;
  /// Read /etc/passwd and /etc/group of the container's root file system.
  bool reads_accounts() const { return needs_account_files(user); }
};

/// The contents of those files, as far as they are needed.
struct Files {
  std::string seccomp;
  AccountFiles accounts;
};

struct PauseSpec {
  nlohmann::json spec;
  std::string selinux_label;  ///< of the pod, for whom Start's answer has it; empty: none
  std::string mount_label;    ///< for the mounts of the root file system; empty: none
};

/// Checks everything that can be checked before anything is made. What a client asks for and cannot have is
/// INVALID_ARGUMENT, naming the field; what is wrong with the node's image or settings FAILED_PRECONDITION.
Result<Choices> choose(const Inputs& inputs);

/// The spec for these inputs, of which `choices` were made. The same errors.
Result<PauseSpec> pause_spec(const Inputs& inputs, const Choices& choices, const Files& files);

/// The spec as a container's record has it.
Payload payload_of(const nlohmann::json& spec);

}  // namespace podsandbox::oci
