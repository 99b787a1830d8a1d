#include "services/oci/pause_spec.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "proto/cri.pb.h"
#include "services/host/sysctls.hpp"
#include "services/oci/annotations.hpp"
#include "services/oci/cgroups_path.hpp"
#include "services/oci/mounts.hpp"
#include "services/oci/namespaces.hpp"
#include "services/oci/refusal.hpp"
#include "services/oci/rules.hpp"
#include "services/oci/selinux.hpp"

namespace podsandbox::oci {

namespace {

using nlohmann::json;

constexpr int sandbox_oom_score_adj = -998;
constexpr int sandbox_cpu_shares = 2;

// A privileged sandbox has no others: it is the pod's containers that have more.
constexpr std::array capabilities{"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
                                  "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
                                  "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
                                  "CAP_KILL",    "CAP_AUDIT_WRITE"};

constexpr std::array masked_paths{"/proc/acpi",          "/proc/asound",
                                  "/proc/kcore",         "/proc/keys",
                                  "/proc/latency_stats", "/proc/timer_list",
                                  "/proc/timer_stats",   "/proc/sched_debug",
                                  "/sys/firmware",       "/sys/devices/virtual/powercap",
                                  "/proc/scsi"};

constexpr std::array readonly_paths{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

// CRI's two defaults go with what the pod gives, under either form of a name.
std::map<std::string, std::string> sysctls_of(const Inputs& inputs) {
  const auto& given = inputs.sandbox.config->linux().sysctls();
  std::map<std::string, std::string> all(given.begin(), given.end());
  if (has_host_network(inputs.sandbox)) return all;
  const auto unless_given = [&](const std::string& key, const char* value) {
    const std::string path = host::find_sysctl(key)->path;
    const bool is_given = std::any_of(given.begin(), given.end(), [&](const auto& one) {
      return host::find_sysctl(one.first)->path == path;
    });
    if (!is_given) all[key] = value;
  };
  const HandlerSettings& handler = inputs.settings.handler;
  if (handler.enable_unprivileged_ports) unless_given("net.ipv4.ip_unprivileged_port_start", "0");
  // The kernel refuses groups that a user namespace does not map.
  if (handler.enable_unprivileged_icmp && !is_mapped(inputs.sandbox) && !inputs.host.in_user_namespace) {
    unless_given("net.ipv4.ping_group_range", "0 2147483647");
  }
  return all;
}

json linux_part_of(const Inputs& inputs, const std::string& cgroups_path) {
  json part{{"cgroupsPath", cgroups_path},
            {"namespaces", namespaces_of(inputs)},
            {"resources",
             {{"cpu", {{"shares", sandbox_cpu_shares}}},
              {"devices", json::array({{{"allow", false}, {"access", "rwm"}}})}}},
            {"maskedPaths", masked_paths},
            {"readonlyPaths", readonly_paths}};
  if (is_mapped(inputs.sandbox)) {
    part["uidMappings"] = uid_mappings_of(inputs.sandbox);
    part["gidMappings"] = gid_mappings_of(inputs.sandbox);
  }
  auto sysctls = sysctls_of(inputs);
  if (!sysctls.empty()) part["sysctl"] = std::move(sysctls);
  return part;
}

// An entry that is a name alone would take away one of the defaults, of which there are none.
std::vector<std::string> environment_of(const ImageConfig& image) {
  std::vector<std::string> all;
  std::copy_if(image.env.begin(), image.env.end(), std::back_inserter(all),
               [](const std::string& entry) { return entry.find('=') != std::string::npos; });
  return all;
}

std::vector<std::string> arguments_of(const ImageConfig& image) {
  auto all = image.entrypoint;
  all.insert(all.end(), image.cmd.begin(), image.cmd.end());
  return all;
}

json process_of(const Inputs& inputs, const User& user) {
  const int lowest = inputs.settings.handler.restrict_oom_score_adj
                         ? std::max(sandbox_oom_score_adj, inputs.host.oom_score_adj)
                         : sandbox_oom_score_adj;
  const std::string& directory = inputs.image.working_dir;
  json process{{"args", arguments_of(inputs.image)},
               {"cwd", directory.empty() ? "/" : directory},
               {"user", {{"uid", user.uid}, {"gid", user.gid}}},
               {"oomScoreAdj", lowest},
               {"noNewPrivileges", true},
               {"capabilities",
                {{"bounding", capabilities}, {"effective", capabilities}, {"permitted", capabilities}}}};
  if (!user.groups.empty()) process["user"]["additionalGids"] = user.groups;
  auto environment = environment_of(inputs.image);
  if (!environment.empty()) process["env"] = std::move(environment);
  return process;
}

std::optional<Error> unusable(const Inputs& inputs) {
  if (arguments_of(inputs.image).empty()) {
    return refuse_image(inputs, "Entrypoint and Cmd", "there is no command").value();
  }
  const std::string& directory = inputs.image.working_dir;
  if (!directory.empty() && directory.front() != '/') {
    return refuse_image(inputs, "WorkingDir", "it is not absolute").value();
  }
  return std::nullopt;
}

}  // namespace

Result<Choices> choose(const Inputs& inputs) {
  if (auto wrong = broken_rule(inputs)) return tl::unexpected(std::move(*wrong));
  if (auto labels = selinux_labels(inputs); !labels) return tl::unexpected(std::move(labels.error()));
  auto seccomp = choose_seccomp(inputs);
  if (!seccomp) return tl::unexpected(std::move(seccomp.error()));
  auto user = wanted_user(inputs);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto wrong = unusable(inputs)) return tl::unexpected(std::move(*wrong));
  return Choices{std::move(*seccomp), std::move(*user)};
}

// AppArmor profiles are for containers alone, overhead and all resources but the annotated are kubelet's to
// set on the pod's cgroup, and the root is read-only whatever readonly_rootfs says.
Result<PauseSpec> pause_spec(const Inputs& inputs, const Choices& choices, const Files& files) {
  const auto user = resolve_user(inputs, choices.user, files.accounts);
  if (!user) return tl::unexpected(user.error());
  auto filter = seccomp_filter(inputs, choices.seccomp, files.seccomp);
  if (!filter) return tl::unexpected(std::move(filter.error()));
  const auto labels = selinux_labels(inputs);
  if (!labels) return tl::unexpected(labels.error());
  const auto& config = *inputs.sandbox.config;
  const auto cgroup = cgroups_path(config.linux().cgroup_parent(), inputs.sandbox.id);
  if (!cgroup) return refuse("config.linux.cgroup_parent", cgroup.error());

  json spec{{"ociVersion", "1.2.1"},
            {"process", process_of(inputs, *user)},
            {"root", {{"path", "rootfs"}, {"readonly", true}}},
            {"mounts", mounts_of(inputs)},
            {"annotations", annotations_of(inputs)},
            {"linux", linux_part_of(inputs, *cgroup)}};
  if (!has_host_network(inputs.sandbox) && !config.hostname().empty()) spec["hostname"] = config.hostname();
  if (!filter->is_null()) spec["linux"]["seccomp"] = std::move(*filter);
  if (!labels->process.empty()) spec["process"]["selinuxLabel"] = labels->process;
  if (!labels->mount.empty()) spec["linux"]["mountLabel"] = labels->mount;
  return PauseSpec{std::move(spec), labels->pod, labels->mount};
}

Payload payload_of(const json& spec) {
  // Whatever bytes a client sends, the result is valid JSON.
  return {"types.containerd.io/opencontainers/runtime-spec/1/Spec",
          spec.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace podsandbox::oci
