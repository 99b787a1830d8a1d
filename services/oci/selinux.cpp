#include "services/oci/selinux.hpp"

#include <algorithm>

#include "proto/cri.pb.h"
#include "services/oci/refusal.hpp"

namespace podsandbox::oci {

namespace {

const std::string field = "config.linux.security_context.selinux_options";

// The label is put between quotes into mount options, and its parts between ':'.
bool is_name(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

const std::string& given_or(const std::string& given, const std::string& usual) {
  return given.empty() ? usual : given;
}

}  // namespace

Result<SelinuxLabels> selinux_labels(const Inputs& inputs) {
  const auto& security = inputs.sandbox.config->linux().security_context();
  const auto& given = security.selinux_options();
  // A bad option is refused on every host, so that a pod does not depend on where it is tried first.
  if (!is_name(given.user())) return refuse(field + ".user", "it is no name of a user");
  if (!is_name(given.role())) return refuse(field + ".role", "it is no name of a role");
  if (!is_name(given.type())) return refuse(field + ".type", "it is no name of a type");
  if (!inputs.host.selinux) return SelinuxLabels{};
  if (given.level().empty()) {
    return refuse(
        field + ".level",
        "SELinux is enforcing on this host, and no level is given: levels are not chosen here; give "
        "the pod one, or another runtime handler");
  }
  const SelinuxPolicy& policy = *inputs.host.selinux;
  const std::string& user = given_or(given.user(), policy.user);
  const auto of_type = [&](const std::string& type) {
    return user + ":" + given_or(given.role(), policy.process_role) + ":" + type + ":" + given.level();
  };
  SelinuxLabels labels;
  labels.pod = of_type(given_or(given.type(), policy.process_type));
  const bool virtual_machine = inputs.sandbox.runtime_name.find("io.containerd.kata") != std::string::npos;
  if (!security.privileged()) {
    labels.process = virtual_machine ? of_type(policy.virtual_machine_type) : labels.pod;
  }
  labels.mount = user + ":" + policy.file_role + ":" + policy.file_type + ":" + given.level();
  return labels;
}

}  // namespace podsandbox::oci
