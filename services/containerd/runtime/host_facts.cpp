#include "services/containerd/runtime/host_facts.hpp"

#include <unistd.h>

#include <fstream>
#include <string>

#include "services/host/oom_score.hpp"
#include "services/host/platform.hpp"
#include "services/host/process_facts.hpp"

namespace podsandbox::containerd_runtime {

namespace {

// The host's first user namespace maps all ids to themselves.
bool in_user_namespace() {
  std::string inside;
  std::string outside;
  std::string length;
  std::ifstream("/proc/self/uid_map") >> inside >> outside >> length;
  return !(inside == "0" && outside == "0" && length == "4294967295");
}

bool selinux_enforcing() {
  int enforcing = 0;
  std::ifstream("/sys/fs/selinux/enforce") >> enforcing;
  return enforcing == 1;
}

}  // namespace

oci::HostFacts host_facts() {
  oci::HostFacts facts;
  facts.name = host::host_name();
  facts.architecture = host::host_platform().architecture;
  facts.oom_score_adj = host::own_oom_score_adj();
  facts.seccomp = access("/proc/sys/kernel/seccomp", F_OK) == 0;
  facts.in_user_namespace = in_user_namespace();
  if (selinux_enforcing()) facts.selinux = oci::SelinuxPolicy{};
  return facts;
}

}  // namespace podsandbox::containerd_runtime
