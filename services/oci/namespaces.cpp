#include "services/oci/namespaces.hpp"

#include "proto/cri.pb.h"

namespace podsandbox::oci {

namespace {

using nlohmann::json;
using ::runtime::v1::NamespaceMode;
using ::runtime::v1::NamespaceOption;

const NamespaceOption& options_of(const SandboxSpec& sandbox) {
  return sandbox.config->linux().security_context().namespace_options();
}

json mappings_of(const ::runtime::v1::IDMapping& mapping) {
  return json::array(
      {{{"containerID", mapping.container_id()}, {"hostID", mapping.host_id()}, {"size", mapping.length()}}});
}

}  // namespace

bool has_host_network(const SandboxSpec& sandbox) {
  return options_of(sandbox).network() == NamespaceMode::NODE;
}

bool is_mapped(const SandboxSpec& sandbox) {
  const NamespaceOption& options = options_of(sandbox);
  return options.has_userns_options() && options.userns_options().mode() == NamespaceMode::POD;
}

// It is the one that CRI has made the network namespace in. Where CRI has made none there is none yet.
std::string user_namespace_path(const SandboxSpec& sandbox, const std::string& state_dir) {
  if (!is_mapped(sandbox) || sandbox.netns_path.empty()) return "";
  return state_dir + "/sandboxes/" + sandbox.id + "/pinned-namespaces/user";
}

json namespaces_of(const Inputs& inputs) {
  json all = json::array();
  const auto add = [&all](const char* type, const std::string& path = {}) {
    json one{{"type", type}};
    if (!path.empty()) one["path"] = path;
    all.push_back(std::move(one));
  };
  const NamespaceOption& options = options_of(inputs.sandbox);
  const bool own_network = !has_host_network(inputs.sandbox);
  if (options.pid() != NamespaceMode::NODE) add("pid");
  if (options.ipc() != NamespaceMode::NODE) add("ipc");
  if (own_network) add("uts");
  add("mount");
  if (own_network) add("network", inputs.sandbox.netns_path);
  if (is_mapped(inputs.sandbox)) {
    add("user", user_namespace_path(inputs.sandbox, inputs.settings.state_dir));
  }
  return all;
}

json uid_mappings_of(const SandboxSpec& sandbox) {
  return mappings_of(options_of(sandbox).userns_options().uids(0));
}

json gid_mappings_of(const SandboxSpec& sandbox) {
  return mappings_of(options_of(sandbox).userns_options().gids(0));
}

}  // namespace podsandbox::oci
