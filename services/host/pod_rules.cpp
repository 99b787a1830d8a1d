#include "services/host/pod_rules.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "proto/cri.pb.h"
#include "services/host/selinux_level.hpp"
#include "services/host/sysctls.hpp"

namespace podsandbox::host {

namespace {

using ::runtime::v1::LinuxPodSandboxConfig;
using ::runtime::v1::LinuxSandboxSecurityContext;
using ::runtime::v1::NamespaceMode;
using ::runtime::v1::NamespaceOption;
using ::runtime::v1::PodSandboxConfig;

// What the rules look at; parts of the config that are absent are empty.
struct Subject {
  const SandboxSpec& spec;
  const PodSandboxConfig& config;
  const LinuxPodSandboxConfig& linux_part;
  const LinuxSandboxSecurityContext& security;
  const NamespaceOption& namespaces;
  const std::string& host_name;
};

// What is wrong, or empty.
struct Rule {
  const char* field;
  std::string (*wrong)(const Subject&);
};

constexpr std::int64_t greatest_id = 2147483647;
constexpr int most_groups = 4096;
constexpr std::size_t most_sysctl_bytes = 12288;

std::string refuse_if(bool wrong, const char* what) {
  return wrong ? what : "";
}

// One would begin a line of its own in the file that the text goes to.
bool has_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool host_network(const Subject& s) {
  return s.namespaces.network() == NamespaceMode::NODE;
}

// The built-in controller takes every mode but NODE for POD.
std::string pod_or_node(NamespaceMode mode) {
  return mode == NamespaceMode::POD || mode == NamespaceMode::NODE
             ? ""
             : NamespaceMode_Name(mode) + " is not a mode of this namespace, only POD and NODE are";
}

std::string check_network(const Subject& s) {
  return pod_or_node(s.namespaces.network());
}

std::string check_ipc(const Subject& s) {
  return pod_or_node(s.namespaces.ipc());
}

std::string check_pid(const Subject& s) {
  const auto mode = s.namespaces.pid();
  return refuse_if(
      mode != NamespaceMode::POD && mode != NamespaceMode::CONTAINER && mode != NamespaceMode::NODE,
      "a sandbox has no other container's namespace to be in, only POD, CONTAINER and NODE");
}

std::string check_mapping(const google::protobuf::RepeatedPtrField<::runtime::v1::IDMapping>& mappings) {
  if (mappings.size() != 1) return "there must be exactly one mapping";
  const auto& m = mappings.Get(0);
  const auto fits = [&](std::uint32_t first) { return std::uint64_t{first} + m.length() <= 0xffffffffU; };
  if (m.length() == 0 || !fits(m.host_id()) || !fits(m.container_id()))
    return "the mapping has no such length";
  return m.container_id() == 0 ? "" : "the mapping must begin with the pod's id 0";
}

std::string check_userns(const Subject& s) {
  if (!s.namespaces.has_userns_options()) return "";
  const auto& userns = s.namespaces.userns_options();
  if (userns.mode() == NamespaceMode::NODE) {
    return refuse_if(userns.uids_size() > 0 || userns.gids_size() > 0, "NODE has no mappings");
  }
  if (userns.mode() != NamespaceMode::POD) {
    return NamespaceMode_Name(userns.mode()) + " is not a mode of a user namespace, only POD and NODE are";
  }
  if (s.namespaces.pid() == NamespaceMode::NODE || s.namespaces.ipc() == NamespaceMode::NODE) {
    return "a pod with a user namespace of its own cannot be in the host's pid or ipc namespace";
  }
  auto wrong = check_mapping(userns.uids());
  return wrong.empty() ? check_mapping(userns.gids()) : wrong;
}

std::string check_netns_path(const Subject& s) {
  const std::string& path = s.spec.netns_path;
  if (path.find('\0') != std::string::npos) return "it has a NUL byte";
  if (!path.empty() && path.front() != '/') return "it is not absolute";
  return refuse_if(host_network(s) && !path.empty(), "given together with the host's network");
}

// A host name without a UTS namespace fails in runc, after everything else has been made.
std::string check_hostname(const Subject& s) {
  const std::string& name = s.config.hostname();
  if (name.size() > longest_hostname) return "it is longer than 64 bytes";
  if (has_control_character(name) || name.find('/') != std::string::npos) {
    return "it has a control character or '/'";
  }
  return refuse_if(host_network(s) && !name.empty() && name != s.host_name,
                   "with the host's network the host keeps its own name");
}

// It would write lines of its own into the pod's resolv.conf, as the built-in controller lets it.
std::string check_dns(const Subject& s) {
  const auto& dns = s.config.dns_config();
  const auto bad = [](const auto& list) {
    return std::any_of(list.begin(), list.end(), has_control_character);
  };
  return refuse_if(bad(dns.servers()) || bad(dns.searches()) || bad(dns.options()),
                   "an entry has a control character");
}

std::string check_sysctls(const Subject& s) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : s.linux_part.sysctls()) {
    const auto sysctl = host::find_sysctl(key);
    // A name that is none could be any bytes: it is not repeated.
    if (!sysctl) return (has_control_character(key) || key.size() > 100 ? "" : key + ": ") + sysctl.error();
    if (sysctl->scope != host::SysctlScope::ipc && host_network(s))
      return key + ": with the host's network it is the host's";
    if (sysctl->scope == host::SysctlScope::ipc && s.namespaces.ipc() == NamespaceMode::NODE) {
      return key + ": with the host's ipc namespace it is the host's";
    }
    if (value.find('\0') != std::string::npos) return key + ": its value has a NUL byte";
    bytes += sysctl->path.size() + value.size() + 2;
  }
  return refuse_if(bytes > most_sysctl_bytes, "they are too many, or too long");
}

std::string check_user(const Subject& s) {
  const auto user = s.security.run_as_user().value();
  return refuse_if(user < 0 || user > greatest_id, "it is out of range");
}

std::string check_group(const Subject& s) {
  if (!s.security.has_run_as_group()) return "";
  const auto group = s.security.run_as_group().value();
  if (group < 0 || group > greatest_id) return "it is out of range";
  return refuse_if(!s.security.has_run_as_user(), "given without run_as_user");
}

std::string check_groups(const Subject& s) {
  const auto& groups = s.security.supplemental_groups();
  if (groups.size() > most_groups) return "they are more than 4096";
  return refuse_if(std::any_of(groups.begin(), groups.end(),
                               [](std::int64_t group) { return group < 0 || group > greatest_id; }),
                   "one is out of range");
}

std::string check_selinux_level(const Subject& s) {
  const auto& level = s.security.selinux_options().level();
  return refuse_if(!level.empty() && !is_selinux_level(level), "it is no level");
}

const auto rules = std::to_array<Rule>({
    {"netns_path", check_netns_path},
    {"config.hostname", check_hostname},
    {"config.dns_config", check_dns},
    {"config.linux.sysctls", check_sysctls},
    {"config.linux.security_context.namespace_options.network", check_network},
    {"config.linux.security_context.namespace_options.pid", check_pid},
    {"config.linux.security_context.namespace_options.ipc", check_ipc},
    {"config.linux.security_context.namespace_options.userns_options", check_userns},
    {"config.linux.security_context.run_as_user", check_user},
    {"config.linux.security_context.run_as_group", check_group},
    {"config.linux.security_context.supplemental_groups", check_groups},
    {"config.linux.security_context.selinux_options.level", check_selinux_level},
});

}  // namespace

std::optional<BrokenRule> broken_pod_rule(const SandboxSpec& spec, const std::string& host_name) {
  const auto& linux_part = spec.config->linux();
  const auto& security = linux_part.security_context();
  const Subject subject{spec, *spec.config, linux_part, security, security.namespace_options(), host_name};
  for (const Rule& rule : rules) {
    auto wrong = rule.wrong(subject);
    if (!wrong.empty()) return BrokenRule{rule.field, std::move(wrong)};
  }
  return std::nullopt;
}

}  // namespace podsandbox::host
