#include "services/linux/pause_setup.hpp"

#include <array>
#include <cstring>

#include "services/linux/pause_protocol.hpp"

namespace podsandbox::linux_runtime {

namespace {

PauseNetwork wire_network(Network network) {
  switch (network) {
    case Network::own:
      return pause_network_own;
    case Network::given:
      return pause_network_given;
    case Network::host:
      return pause_network_host;
  }
  return pause_network_own;
}

std::string bytes_of(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace

std::string pause_setup(const Plan& plan, std::size_t cgroup_count) {
  std::string sysctls;
  for (const SysctlValue& sysctl : plan.sysctls) {
    sysctls += sysctl.path + '\0';
    sysctls += sysctl.value + '\0';
  }
  PauseSetup setup{};
  setup.magic = pause_magic;
  setup.network = wire_network(plan.network);
  setup.host_ipc = plan.host_ipc ? 1 : 0;
  setup.uid = plan.uid;
  setup.gid = plan.gid;
  setup.group_count = static_cast<std::uint32_t>(plan.groups.size());
  setup.sysctls_size = static_cast<std::uint32_t>(sysctls.size());
  setup.cgroup_count = static_cast<std::uint32_t>(cgroup_count);
  std::memcpy(setup.hostname, plan.hostname.data(), plan.hostname.size());  // checked: it fits
  return bytes_of(&setup, sizeof setup) +
         bytes_of(plan.groups.data(), plan.groups.size() * sizeof(std::uint32_t)) + sysctls;
}

std::string describe_step(std::uint32_t step, std::uint32_t item, const Plan& plan) {
  static constexpr std::array<const char*, pause_step_count> names{
      "running the pause program",
      "receiving its setup",
      "entering its cgroups",
      "joining netns_path",
      "making its namespaces",
      "setting the hostname",
      "raising the loopback interface",
      "setting sysctls",
      "changing its root",
      "emptying its capability bounding set",
      "becoming its user",
      "dropping its capabilities",
      "forbidding new privileges",
      "installing its seccomp filter",
  };
  if (step == pause_sysctls && item < plan.sysctls.size()) {
    return "config.linux.sysctls: setting " + plan.sysctls[item].key;
  }
  if (step == pause_cgroups) return "config.linux.cgroup_parent: entering cgroup " + plan.cgroup;
  return step < names.size() ? names[step] : "an unknown step";
}

}  // namespace podsandbox::linux_runtime
