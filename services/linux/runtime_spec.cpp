#include "services/linux/runtime_spec.hpp"

#include <nlohmann/json.hpp>

#include "proto/cri.pb.h"

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

json namespaces_of(const SandboxSpec& spec) {
  const auto network = spec.config->linux().security_context().namespace_options().network();
  json all = json::array({{{"type", "pid"}}, {{"type", "ipc"}}});
  if (network != ::runtime::v1::NODE) all.push_back({{"type", "uts"}});
  all.push_back({{"type", "mount"}});
  if (network != ::runtime::v1::NODE) {
    json entry{{"type", "network"}};
    if (!spec.netns_path.empty()) entry["path"] = spec.netns_path;
    all.push_back(std::move(entry));
  }
  return all;
}

json process_of(const SandboxSpec& spec) {
  const json none = json::array();
  return {{"args", {"podsandbox-pause", spec.id}},
          {"cwd", "/"},
          {"user", {{"uid", 0}, {"gid", 0}}},
          {"noNewPrivileges", true},
          {"capabilities",
           {{"bounding", none},
            {"effective", none},
            {"permitted", none},
            {"inheritable", none},
            {"ambient", none}}}};
}

}  // namespace

Payload runtime_spec(const SandboxSpec& spec, const std::string& cgroup) {
  json all{{"ociVersion", "1.2.1"},
           {"process", process_of(spec)},
           {"root", {{"path", "rootfs"}, {"readonly", true}}},
           {"annotations", annotations_of(spec)},
           {"linux", {{"namespaces", namespaces_of(spec)}}}};
  if (!spec.config->hostname().empty()) all["hostname"] = spec.config->hostname();
  if (!cgroup.empty()) {
    all["linux"]["cgroupsPath"] = cgroup;
    all["linux"]["resources"] = {{"cpu", {{"shares", 2}}}};
  }
  // Whatever bytes a client sends, the result is valid JSON.
  return {"types.containerd.io/opencontainers/runtime-spec/1/Spec",
          all.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace podsandbox::linux_runtime
