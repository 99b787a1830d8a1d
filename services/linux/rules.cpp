#include "services/linux/rules.hpp"

#include <array>

#include "proto/cri.pb.h"
#include "services/host/cgroup_path.hpp"
#include "services/host/pod_rules.hpp"
#include "services/linux/pause_protocol.hpp"
#include "services/linux/sandbox_cgroup.hpp"

namespace podsandbox::linux_runtime {

namespace {

using ::runtime::v1::LinuxPodSandboxConfig;
using ::runtime::v1::LinuxSandboxSecurityContext;
using ::runtime::v1::PodSandboxConfig;
using ::runtime::v1::SecurityProfile;

// A config with the parts of it that the rules look at; absent ones are empty.
struct Subject {
  const SandboxSpec& spec;
  const PodSandboxConfig& config;
  const LinuxPodSandboxConfig& linux_part;
  const LinuxSandboxSecurityContext& security;
  const HostFacts& host;
};

// What is wrong, or empty; and how bad.
struct Rule {
  ErrorKind kind;
  const char* field;
  std::string (*wrong)(const Subject&);
};

static_assert(host::longest_hostname < pause_hostname_size);

std::string refuse_if(bool wrong, const char* what) {
  return wrong ? what : "";
}

std::string check_cgroup_parent(const Subject& s) {
  const std::string& parent = s.linux_part.cgroup_parent();
  if (parent.empty()) return "";
  const auto clean = host::clean_cgroup_path(parent);  // of a slice, too: nobody means what has a ".." in it
  if (!clean) return clean.error();
  const auto place = place_cgroup(parent, s.spec.id);
  return place ? "" : place.error();
}

std::string check_selinux(const Subject& s) {
  return refuse_if(s.host.selinux_enforcing,
                   "SELinux is enforcing on this host, and the linux runtime cannot label its process: use "
                   "another runtime for this pod");
}

std::string check_profile(const SecurityProfile& profile) {
  if (!SecurityProfile::ProfileType_IsValid(profile.profile_type())) return "it is of no known type";
  const bool names_file = profile.profile_type() == SecurityProfile::Localhost;
  return refuse_if(profile.localhost_ref().empty() == names_file,
                   "localhost_ref goes with a profile of type Localhost, and with no other");
}

std::string check_seccomp(const Subject& s) {
  return s.security.privileged() ? "" : check_profile(s.security.seccomp());
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // clients still send it
std::string check_seccomp_path(const Subject& s) {
  const std::string& path = s.security.seccomp_profile_path();
  const bool known = path.empty() || path == "unconfined" || path == "runtime/default" ||
                     path == "docker/default" || path.starts_with("localhost/");
  return refuse_if(!known && !s.security.has_seccomp() && !s.security.privileged(), "it is no known profile");
}
#pragma GCC diagnostic pop

constexpr auto invalid = ErrorKind::invalid_argument;
constexpr auto unimplemented = ErrorKind::unimplemented;

// The process of a sandbox may make fewer system calls than any profile allows, and touches no file: a
// seccomp or AppArmor profile for it has nothing to add, so a valid one is taken and changes nothing.
const auto rules = std::to_array<Rule>({
    {invalid, "config.linux.cgroup_parent", check_cgroup_parent},
    {invalid, "config.linux.security_context.seccomp", check_seccomp},
    {invalid, "config.linux.security_context.seccomp_profile_path", check_seccomp_path},
    {unimplemented, "config.linux.security_context.selinux_options", check_selinux},
});

}  // namespace

std::optional<Error> broken_rule(const SandboxSpec& spec, const HostFacts& host) {
  if (const auto broken = host::broken_pod_rule(spec, host.name)) {
    return Error{invalid, std::string(broken->field) + ": " + broken->wrong};
  }
  const PodSandboxConfig& config = *spec.config;
  const Subject subject{spec, config, config.linux(), config.linux().security_context(), host};
  for (const Rule& rule : rules) {
    const std::string wrong = rule.wrong(subject);
    if (!wrong.empty()) return Error{rule.kind, std::string(rule.field) + ": " + wrong};
  }
  return std::nullopt;
}

}  // namespace podsandbox::linux_runtime
