#include "services/oci/mounts.hpp"

#include <string>
#include <vector>

#include "proto/cri.pb.h"
#include "services/oci/namespaces.hpp"

namespace podsandbox::oci {

namespace {

using nlohmann::json;
using Options = std::vector<std::string>;

json mount(const char* destination, const char* type, const std::string& source, const Options& options) {
  return {{"destination", destination}, {"type", type}, {"source", source}, {"options", options}};
}

json bind_mount(const char* destination, const std::string& source) {
  return mount(destination, "bind", source, {"rbind", "ro", "nosuid", "nodev", "noexec"});
}

}  // namespace

json mounts_of(const Inputs& inputs) {
  const auto& security = inputs.sandbox.config->linux().security_context();
  // The kernel lets a user namespace mount no sysfs for a network namespace that is not its own. (containerd
  // does this from 2.3 on, and fails before.)
  const bool hosts_sysfs = is_mapped(inputs.sandbox) && has_host_network(inputs.sandbox);

  json all = json::array();
  all.push_back(mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  all.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  all.push_back(mount("/dev/pts", "devpts", "devpts",
                      {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  all.push_back(mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (!hosts_sysfs) {
    const char* access = security.privileged() ? "rw" : "ro";
    all.push_back(mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}));
  }
  const std::string directory = "/sandboxes/" + inputs.sandbox.id;
  const bool hosts_ipc = security.namespace_options().ipc() == ::runtime::v1::NODE;
  all.push_back(
      bind_mount("/dev/shm", hosts_ipc ? "/dev/shm" : inputs.settings.state_dir + directory + "/shm"));
  all.push_back(bind_mount("/etc/resolv.conf", inputs.settings.root_dir + directory + "/resolv.conf"));
  if (hosts_sysfs) {
    all.push_back(mount("/sys", "bind", "/sys", {"rbind", "rro", "nosuid", "nodev", "noexec"}));
  }
  return all;
}

}  // namespace podsandbox::oci
