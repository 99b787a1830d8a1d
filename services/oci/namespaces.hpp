#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "messages/sandbox_spec.hpp"
#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

bool has_host_network(const SandboxSpec& sandbox);

/// Whether the pod has a user namespace of its own.
bool is_mapped(const SandboxSpec& sandbox);

/// Where that has to be found before the container is started; empty: runc makes it, or there is none.
std::string user_namespace_path(const SandboxSpec& sandbox, const std::string& state_dir);

/// `linux.namespaces`.
nlohmann::json namespaces_of(const Inputs& inputs);

/// `linux.uidMappings` and `linux.gidMappings`, of a pod that is mapped.
nlohmann::json uid_mappings_of(const SandboxSpec& sandbox);
nlohmann::json gid_mappings_of(const SandboxSpec& sandbox);

}  // namespace podsandbox::oci
