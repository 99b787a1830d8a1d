#include "services/linux/check_supported.hpp"

#include <array>

#include "proto/cri.pb.h"
#include "services/linux/cgroup_path.hpp"
#include "services/linux/pause_protocol.hpp"

namespace podsandbox::linux_runtime {

namespace {

using ::runtime::v1::LinuxPodSandboxConfig;
using ::runtime::v1::LinuxSandboxSecurityContext;
using ::runtime::v1::NamespaceMode;
using ::runtime::v1::NamespaceOption;
using ::runtime::v1::PodSandboxConfig;
using ::runtime::v1::SecurityProfile;

// A config with the parts of it that the rules look at; absent ones are empty.
struct Subject {
  const SandboxSpec& spec;
  const PodSandboxConfig& config;
  const LinuxPodSandboxConfig& linux_part;
  const LinuxSandboxSecurityContext& security;
  const NamespaceOption& namespaces;
  const std::string& host_name;
};

// What is wrong, or empty; and how bad.
struct Rule {
  ErrorKind kind;
  const char* field;
  std::string (*wrong)(const Subject&);
};

std::string refuse_if(bool wrong, const char* what) {
  return wrong ? what : "";
}

std::string refuse_mode(NamespaceMode mode) {
  return NamespaceMode_Name(mode) + " is not supported by the linux runtime";
}

std::string refuse_profile(bool present, const SecurityProfile& profile) {
  if (!present || profile.profile_type() == SecurityProfile::Unconfined) return "";
  return SecurityProfile::ProfileType_Name(profile.profile_type()) + " is not supported by the linux runtime";
}

bool host_network(const Subject& s) {
  return s.namespaces.network() == NamespaceMode::NODE;
}

std::string check_network(const Subject& s) {
  const auto mode = s.namespaces.network();
  return mode == NamespaceMode::POD || mode == NamespaceMode::NODE ? "" : refuse_mode(mode);
}

std::string check_pid(const Subject& s) {
  const auto mode = s.namespaces.pid();
  return mode == NamespaceMode::POD || mode == NamespaceMode::CONTAINER ? "" : refuse_mode(mode);
}

std::string check_ipc(const Subject& s) {
  return s.namespaces.ipc() == NamespaceMode::POD ? "" : refuse_mode(s.namespaces.ipc());
}

std::string check_userns(const Subject& s) {
  if (!s.namespaces.has_userns_options()) return "";
  const auto mode = s.namespaces.userns_options().mode();
  return mode == NamespaceMode::NODE ? "" : refuse_mode(mode);
}

std::string check_userns_mappings(const Subject& s) {
  const auto& userns = s.namespaces.userns_options();
  const bool mapped = userns.uids_size() > 0 || userns.gids_size() > 0;
  return refuse_if(mapped && userns.mode() == NamespaceMode::NODE, "NODE has no mappings");
}

std::string check_netns_path(const Subject& s) {
  if (s.spec.netns_path.find('\0') != std::string::npos) return "it has a NUL byte";
  return refuse_if(host_network(s) && !s.spec.netns_path.empty(), "given together with the host's network");
}

std::string check_hostname(const Subject& s) {
  const std::string& name = s.config.hostname();
  if (name.size() >= pause_hostname_size) return "it is longer than 64 bytes";
  if (name.find('\0') != std::string::npos || name.find('/') != std::string::npos)
    return "it has a NUL byte or '/'";
  return refuse_if(host_network(s) && !name.empty() && name != s.host_name,
                   "with the host's network the host keeps its own name");
}

std::string check_selinux(const Subject& s) {
  const auto& o = s.security.selinux_options();
  return refuse_if(!o.user().empty() || !o.role().empty() || !o.type().empty() || !o.level().empty(),
                   "SELinux is not supported by the linux runtime");
}

std::string check_dns(const Subject& s) {
  const auto& dns = s.config.dns_config();
  return refuse_if(dns.servers_size() > 0 || dns.searches_size() > 0 || dns.options_size() > 0,
                   "DNS settings are not supported by the linux runtime");
}

std::string check_cgroup_parent(const Subject& s) {
  const auto path = clean_cgroup_path(s.linux_part.cgroup_parent());
  return path ? "" : path.error();
}

std::string check_slice(const Subject& s) {
  return refuse_if(s.linux_part.cgroup_parent().ends_with(".slice"),
                   "systemd slices are not supported by the linux runtime");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // clients still send it
std::string check_seccomp_path(const Subject& s) {
  const std::string& path = s.security.seccomp_profile_path();
  return refuse_if(!path.empty() && path != "unconfined", "it is not supported by the linux runtime");
}
#pragma GCC diagnostic pop

constexpr const char* not_supported = "it is not supported by the linux runtime";
constexpr auto invalid = ErrorKind::invalid_argument;
constexpr auto unimplemented = ErrorKind::unimplemented;

const auto rules = std::to_array<Rule>({
    {invalid, "netns_path", check_netns_path},
    {invalid, "config.hostname", check_hostname},
    {invalid, "config.linux.cgroup_parent", check_cgroup_parent},
    {invalid, "config.linux.security_context.namespace_options.userns_options", check_userns_mappings},
    {unimplemented, "config.dns_config", check_dns},
    {unimplemented, "config.linux.cgroup_parent", check_slice},
    {unimplemented, "config.linux.sysctls",
     [](const Subject& s) { return refuse_if(!s.linux_part.sysctls().empty(), not_supported); }},
    {unimplemented, "config.linux.security_context.namespace_options.network", check_network},
    {unimplemented, "config.linux.security_context.namespace_options.pid", check_pid},
    {unimplemented, "config.linux.security_context.namespace_options.ipc", check_ipc},
    {unimplemented, "config.linux.security_context.namespace_options.userns_options.mode", check_userns},
    {unimplemented, "config.linux.security_context.selinux_options", check_selinux},
    {unimplemented, "config.linux.security_context.run_as_user",
     [](const Subject& s) { return refuse_if(s.security.has_run_as_user(), not_supported); }},
    {unimplemented, "config.linux.security_context.run_as_group",
     [](const Subject& s) { return refuse_if(s.security.has_run_as_group(), not_supported); }},
    {unimplemented, "config.linux.security_context.supplemental_groups",
     [](const Subject& s) { return refuse_if(s.security.supplemental_groups_size() > 0, not_supported); }},
    {unimplemented, "config.linux.security_context.privileged",
     [](const Subject& s) { return refuse_if(s.security.privileged(), not_supported); }},
    {unimplemented, "config.linux.security_context.seccomp",
     [](const Subject& s) { return refuse_profile(s.security.has_seccomp(), s.security.seccomp()); }},
    {unimplemented, "config.linux.security_context.apparmor",
     [](const Subject& s) { return refuse_profile(s.security.has_apparmor(), s.security.apparmor()); }},
    {unimplemented, "config.linux.security_context.seccomp_profile_path", check_seccomp_path},
});

}  // namespace

std::optional<Error> check_supported(const SandboxSpec& spec, const std::string& host_name) {
  const PodSandboxConfig& config = *spec.config;
  const auto& security = config.linux().security_context();
  const Subject subject{spec, config, config.linux(), security, security.namespace_options(), host_name};
  for (const Rule& rule : rules) {
    const std::string wrong = rule.wrong(subject);
    if (!wrong.empty()) {
      return Error{rule.kind, std::string(rule.field) + ": " + wrong + " (sandbox " + spec.id + ")"};
    }
  }
  return std::nullopt;
}

}  // namespace podsandbox::linux_runtime
