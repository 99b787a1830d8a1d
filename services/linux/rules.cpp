#include "services/linux/rules.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "proto/cri.pb.h"
#include "services/host/cgroup_path.hpp"
#include "services/host/sysctls.hpp"
#include "services/linux/pause_protocol.hpp"
#include "services/linux/sandbox_cgroup.hpp"

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
  const HostFacts& host;
};

// What is wrong, or empty; and how bad.
struct Rule {
  ErrorKind kind;
  const char* field;
  std::string (*wrong)(const Subject&);
};

constexpr std::int64_t greatest_id = 2147483647;
constexpr int most_groups = 4096;
constexpr std::size_t most_sysctl_bytes = 12288;

std::string refuse_if(bool wrong, const char* what) {
  return wrong ? what : "";
}

bool host_network(const Subject& s) {
  return s.namespaces.network() == NamespaceMode::NODE;
}

// A control character would begin a line of its own in the file that it goes to.
bool has_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

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
  if (s.spec.netns_path.find('\0') != std::string::npos) return "it has a NUL byte";
  return refuse_if(host_network(s) && !s.spec.netns_path.empty(), "given together with the host's network");
}

std::string check_hostname(const Subject& s) {
  const std::string& name = s.config.hostname();
  if (name.size() >= pause_hostname_size) return "it is longer than 64 bytes";
  if (has_control_character(name) || name.find('/') != std::string::npos) {
    return "it has a control character or '/'";
  }
  return refuse_if(host_network(s) && !name.empty() && name != s.host.name,
                   "with the host's network the host keeps its own name");
}

std::string check_dns(const Subject& s) {
  const auto& dns = s.config.dns_config();
  const auto bad = [](const auto& list) {
    return std::any_of(list.begin(), list.end(), has_control_character);
  };
  return refuse_if(bad(dns.servers()) || bad(dns.searches()) || bad(dns.options()),
                   "an entry has a control character");
}

std::string check_cgroup_parent(const Subject& s) {
  const std::string& parent = s.linux_part.cgroup_parent();
  if (parent.empty()) return "";
  const auto clean = host::clean_cgroup_path(parent);  // of a slice, too: nobody means what has a ".." in it
  if (!clean) return clean.error();
  const auto place = place_cgroup(parent, s.spec.id);
  return place ? "" : place.error();
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

// Takes the parts of an SELinux level off its front, as far as they are there.
class LevelReader {
 public:
  explicit LevelReader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// A letter and a number of one to `most` digits.
  bool number(char letter, std::size_t most) {
    if (!take(letter)) return false;
    const auto digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (digits == 0 || digits > most) return false;
    rest_.remove_prefix(digits);
    return true;
  }
  /// A category, or a range of them.
  bool categories() { return number('c', 4) && (!take('.') || number('c', 4)); }

 private:
  std::string_view rest_;
};

// "s0", "s0-s1", "s0:c1,c2.c5"
bool is_selinux_level(std::string_view text) {
  LevelReader level(text);
  if (!level.number('s', 1) || (level.take('-') && !level.number('s', 1))) return false;
  if (!level.take(':')) return level.at_end();
  do {
    if (!level.categories()) return false;
  } while (level.take(','));
  return level.at_end();
}

std::string check_selinux_level(const Subject& s) {
  const auto& level = s.security.selinux_options().level();
  return refuse_if(!level.empty() && !is_selinux_level(level), "it is no level");
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
    {invalid, "netns_path", check_netns_path},
    {invalid, "config.hostname", check_hostname},
    {invalid, "config.dns_config", check_dns},
    {invalid, "config.linux.cgroup_parent", check_cgroup_parent},
    {invalid, "config.linux.sysctls", check_sysctls},
    {invalid, "config.linux.security_context.namespace_options.network", check_network},
    {invalid, "config.linux.security_context.namespace_options.pid", check_pid},
    {invalid, "config.linux.security_context.namespace_options.ipc", check_ipc},
    {invalid, "config.linux.security_context.namespace_options.userns_options", check_userns},
    {invalid, "config.linux.security_context.run_as_user", check_user},
    {invalid, "config.linux.security_context.run_as_group", check_group},
    {invalid, "config.linux.security_context.supplemental_groups", check_groups},
    {invalid, "config.linux.security_context.selinux_options.level", check_selinux_level},
    {invalid, "config.linux.security_context.seccomp", check_seccomp},
    {invalid, "config.linux.security_context.seccomp_profile_path", check_seccomp_path},
    {unimplemented, "config.linux.security_context.selinux_options", check_selinux},
});

}  // namespace

std::optional<Error> broken_rule(const SandboxSpec& spec, const HostFacts& host) {
  const PodSandboxConfig& config = *spec.config;
  const auto& security = config.linux().security_context();
  const Subject subject{spec, config, config.linux(), security, security.namespace_options(), host};
  for (const Rule& rule : rules) {
    const std::string wrong = rule.wrong(subject);
    if (!wrong.empty()) {
      return Error{rule.kind, std::string(rule.field) + ": " + wrong + " (sandbox " + spec.id + ")"};
    }
  }
  return std::nullopt;
}

}  // namespace podsandbox::linux_runtime
