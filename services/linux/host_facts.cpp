#include "services/linux/host_facts.hpp"

#include <fstream>

#include "services/host/oom_score.hpp"
#include "services/host/process_facts.hpp"

namespace podsandbox::linux_runtime {

namespace {

bool selinux_enforcing() {
  int enforcing = 0;
  std::ifstream("/sys/fs/selinux/enforce") >> enforcing;
  return enforcing == 1;
}

}  // namespace

HostFacts host_facts() {
  return {host::boot_id(), host::host_name(), selinux_enforcing(), host::own_oom_score_adj()};
}

}  // namespace podsandbox::linux_runtime
