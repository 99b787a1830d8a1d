#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/handler_settings.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/host/user_namespace.hpp"

namespace podsandbox::linux_runtime {

/// What the host says of itself.
struct HostFacts {
  std::string boot_id;
  std::string name;  ///< its host name
  bool selinux_enforcing = false;
  int oom_score_adj = 0;  ///< our own
};

enum class Network {
  own,    ///< a new network namespace with nothing but loopback
  given,  ///< the one behind the client's path
  host,   ///< the host's, and its UTS namespace
};

struct SysctlValue {
  std::string key;   ///< as the client wrote it
  std::string path;  ///< below /proc/sys
  std::string value;

  bool operator==(const SysctlValue&) const = default;
};

/// Everything about a sandbox that is decided before anything is done.
struct Plan {
  Network network = Network::own;
  std::string netns_path;  ///< with Network::given
  bool host_pid = false;
  bool host_ipc = false;
  std::optional<host::UserNamespace> user_namespace;
  std::string hostname;  ///< empty: the host's
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  std::vector<SysctlValue> sysctls;
  std::string seccomp_profile;  ///< a file that must be one; empty: none is named
  std::string cgroup_parent;    ///< the pod's, "/a/b"; empty: none
  std::string cgroup;           ///< the sandbox's own; empty: none
  std::string cgroups_path;     ///< the same, as an OCI spec names it
  int oom_score_adj = 0;
};

/// How the sandbox that `spec` asks for is made on this host. What makes no sense is INVALID_ARGUMENT, what
/// this runtime cannot do is UNIMPLEMENTED; each names the field.
Result<Plan> plan_of(const SandboxSpec& spec, const HostFacts& host, const CriSettings& cri);

}  // namespace podsandbox::linux_runtime
