#include "services/linux/plan.hpp"

#include <algorithm>

#include "messages/runtime_handler.hpp"
#include "proto/cri.pb.h"
#include "services/host/slice.hpp"
#include "services/host/sysctls.hpp"
#include "services/linux/rules.hpp"
#include "services/linux/sandbox_cgroup.hpp"

namespace podsandbox::linux_runtime {

namespace {

using ::runtime::v1::NamespaceMode;

// As the process of the usual pause image: nobody, where the user namespace has it.
constexpr std::uint32_t nobody = 65535;

constexpr int sandbox_oom_score_adj = -998;

host::UserNamespace mapped(const ::runtime::v1::UserNamespace& userns) {
  const auto range = [](const ::runtime::v1::IDMapping& m) {
    return host::IdRange{m.container_id(), m.host_id(), m.length()};
  };
  return {range(userns.uids(0)), range(userns.gids(0))};
}

void decide_namespaces(const SandboxSpec& spec, Plan& plan) {
  const auto& options = spec.config->linux().security_context().namespace_options();
  if (options.network() == NamespaceMode::NODE) {
    plan.network = Network::host;
  } else {
    plan.network = spec.netns_path.empty() ? Network::own : Network::given;
    plan.netns_path = spec.netns_path;
    plan.hostname = spec.config->hostname();
  }
  plan.host_pid = options.pid() == NamespaceMode::NODE;
  plan.host_ipc = options.ipc() == NamespaceMode::NODE;
  if (options.has_userns_options() && options.userns_options().mode() == NamespaceMode::POD) {
    plan.user_namespace = mapped(options.userns_options());
  }
}

void decide_user(const SandboxSpec& spec, Plan& plan) {
  const auto& security = spec.config->linux().security_context();
  const auto* const userns = plan.user_namespace ? &*plan.user_namespace : nullptr;
  const bool there_is_nobody = !userns || (userns->uids.length > nobody && userns->gids.length > nobody);
  plan.uid = plan.gid = there_is_nobody ? nobody : 0;
  if (security.has_run_as_user()) {
    plan.uid = static_cast<std::uint32_t>(security.run_as_user().value());
    plan.gid = static_cast<std::uint32_t>(security.run_as_group().value());  // 0 when it is not given
  }
  plan.groups.assign(security.supplemental_groups().begin(), security.supplemental_groups().end());
  std::sort(plan.groups.begin(), plan.groups.end());
  plan.groups.erase(std::unique(plan.groups.begin(), plan.groups.end()), plan.groups.end());
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // clients still send it
void decide_seccomp(const SandboxSpec& spec, Plan& plan) {
  using ::runtime::v1::SecurityProfile;
  constexpr std::string_view localhost = "localhost/";
  const auto& security = spec.config->linux().security_context();
  if (security.privileged()) return;
  if (security.has_seccomp()) {
    if (security.seccomp().profile_type() != SecurityProfile::Localhost) return;
    plan.seccomp_profile = security.seccomp().localhost_ref();
    if (plan.seccomp_profile.starts_with(localhost)) plan.seccomp_profile.erase(0, localhost.size());
  } else if (security.seccomp_profile_path().starts_with(localhost)) {
    plan.seccomp_profile = security.seccomp_profile_path().substr(localhost.size());
  }
}
#pragma GCC diagnostic pop

void decide_sysctls(const SandboxSpec& spec, const HandlerSettings& handler, Plan& plan) {
  const auto& given = spec.config->linux().sysctls();
  for (const auto& [key, value] : given) plan.sysctls.push_back({key, host::find_sysctl(key)->path, value});
  if (plan.network != Network::host) {
    const auto unless_given = [&](const char* key, const char* value) {
      const auto path = host::find_sysctl(key)->path;
      const bool is_given = std::any_of(plan.sysctls.begin(), plan.sysctls.end(),
                                        [&](const SysctlValue& one) { return one.path == path; });
      if (!is_given) plan.sysctls.push_back({key, path, value});
    };
    if (handler.enable_unprivileged_ports) unless_given("net.ipv4.ip_unprivileged_port_start", "0");
    if (handler.enable_unprivileged_icmp && !plan.user_namespace) {
      unless_given("net.ipv4.ping_group_range", "0 2147483647");
    }
  }
  std::sort(plan.sysctls.begin(), plan.sysctls.end(),
            [](const SysctlValue& a, const SysctlValue& b) { return a.path < b.path; });
}

void decide_resources(const SandboxSpec& spec, const HostFacts& host, const HandlerSettings& handler,
                      Plan& plan) {
  const std::string& parent = spec.config->linux().cgroup_parent();
  if (!parent.empty()) {
    const auto place = *place_cgroup(parent, spec.id);
    const auto slice = host::slice_unit(parent);
    plan.cgroup_parent = place.parent;
    plan.cgroup = place.path;
    plan.cgroups_path = slice ? *slice + ":cri-containerd:" + spec.id : place.path;
  }
  plan.oom_score_adj = sandbox_oom_score_adj;
  if (handler.restrict_oom_score_adj)
    plan.oom_score_adj = std::max(sandbox_oom_score_adj, host.oom_score_adj);
}

}  // namespace

Result<Plan> plan_of(const SandboxSpec& spec, const HostFacts& host, const CriSettings& cri) {
  if (auto wrong = broken_rule(spec, host)) return tl::unexpected<Error>(std::move(*wrong));
  const HandlerSettings& handler = cri.of(runtime_handler(spec));
  Plan plan;
  decide_namespaces(spec, plan);
  decide_user(spec, plan);
  decide_seccomp(spec, plan);
  decide_sysctls(spec, handler, plan);
  decide_resources(spec, host, handler, plan);
  return plan;
}

}  // namespace podsandbox::linux_runtime
