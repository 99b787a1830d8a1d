#include "services/linux/runtime_spec.hpp"

#include <nlohmann/json.hpp>

#include "proto/cri.pb.h"
#include "services/host/slice.hpp"

namespace podsandbox::linux_runtime {

namespace {

using nlohmann::json;

json annotations_of(const SandboxSpec& spec) {
  const std::string prefix = "io.kubernetes.cri.";
  const auto& config = *spec.config;
  json all{{prefix + "container-type", "sandbox"},
           {prefix + "sandbox-id", spec.id},
           {prefix + "sandbox-name", config.metadata().name()},
           {prefix + "sandbox-namespace", config.metadata().namespace_()},
           {prefix + "sandbox-uid", config.metadata().uid()},
           {prefix + "sandbox-log-directory", config.log_directory()},
           {prefix + "podsandbox.image-name", ""}};  // there is no image
  if (config.linux().has_resources()) {
    const auto& resources = config.linux().resources();
    all[prefix + "sandbox-cpu-period"] = std::to_string(resources.cpu_period());
    all[prefix + "sandbox-cpu-quota"] = std::to_string(resources.cpu_quota());
    all[prefix + "sandbox-cpu-shares"] = std::to_string(resources.cpu_shares());
    all[prefix + "sandbox-memory"] = std::to_string(resources.memory_limit_in_bytes());
  }
  return all;
}

json namespaces_of(const Plan& plan) {
  json all = json::array();
  const auto add = [&all](const char* type) { all.push_back({{"type", type}}); };
  if (!plan.host_pid) add("pid");
  if (!plan.host_ipc) add("ipc");
  if (plan.network != Network::host) add("uts");
  add("mount");
  if (plan.network != Network::host) add("network");
  if (plan.network == Network::given) all.back()["path"] = plan.netns_path;
  if (plan.user_namespace) add("user");
  return all;
}

json mappings_of(const host::IdRange& range) {
  return json::array({{{"containerID", range.inside}, {"hostID", range.outside}, {"size", range.length}}});
}

json user_of(const Plan& plan) {
  json user{{"uid", plan.uid}, {"gid", plan.gid}};
  if (!plan.groups.empty()) user["additionalGids"] = plan.groups;
  return user;
}

json process_of(const SandboxSpec& spec, const Plan& plan, int oom_score_adj) {
  const json none = json::array();
  return {{"args", {"podsandbox-pause", spec.id}},
          {"cwd", "/"},
          {"user", user_of(plan)},
          {"oomScoreAdj", oom_score_adj},
          {"noNewPrivileges", true},
          {"capabilities",
           {{"bounding", none},
            {"effective", none},
            {"permitted", none},
            {"inheritable", none},
            {"ambient", none}}}};
}

json linux_part_of(const Plan& plan) {
  json part{{"namespaces", namespaces_of(plan)},
            {"seccomp",
             {{"defaultAction", "SCMP_ACT_ERRNO"},
              {"syscalls",
               {{{"names",
                  {"rt_sigtimedwait", "wait4", "rt_sigreturn", "restart_syscall", "exit_group", "exit",
                   "sendto", "recvfrom", "close"}},
                 {"action", "SCMP_ACT_ALLOW"}}}}}}};
  if (plan.user_namespace) {
    part["uidMappings"] = mappings_of(plan.user_namespace->uids);
    part["gidMappings"] = mappings_of(plan.user_namespace->gids);
  }
  for (const SysctlValue& sysctl : plan.sysctls) part["sysctl"][sysctl.key] = sysctl.value;
  if (!plan.cgroup.empty()) {
    part["cgroupsPath"] = plan.cgroups_path;
    part["resources"] = {{"cpu", {{"shares", 2}}}};
  }
  return part;
}

}  // namespace

Payload runtime_spec(const SandboxSpec& spec, const Plan& plan, int oom_score_adj) {
  json all{{"ociVersion", "1.2.1"},
           {"process", process_of(spec, plan, oom_score_adj)},
           {"root", {{"path", "rootfs"}, {"readonly", true}}},
           {"annotations", annotations_of(spec)},
           {"linux", linux_part_of(plan)}};
  if (!plan.hostname.empty()) all["hostname"] = plan.hostname;
  // Whatever bytes a client sends, the result is valid JSON.
  return {"types.containerd.io/opencontainers/runtime-spec/1/Spec",
          all.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace podsandbox::linux_runtime
