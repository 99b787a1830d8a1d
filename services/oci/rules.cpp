#include "services/oci/rules.hpp"

#include "proto/cri.pb.h"
#include "services/host/pod_rules.hpp"
#include "services/oci/cgroups_path.hpp"
#include "services/oci/refusal.hpp"

namespace podsandbox::oci {

std::optional<Error> broken_rule(const Inputs& inputs) {
  const SandboxSpec& sandbox = inputs.sandbox;
  if (const auto broken = host::broken_pod_rule(sandbox, inputs.host.name)) {
    return refuse(broken->field, broken->wrong).value();
  }
  const auto path = cgroups_path(sandbox.config->linux().cgroup_parent(), sandbox.id);
  if (!path) return refuse("config.linux.cgroup_parent", path.error()).value();
  return std::nullopt;
}

}  // namespace podsandbox::oci
