#include "services/host/runc_cgroup.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include "services/host/cgroup.hpp"
#include "services/host/pod_cgroup.hpp"
#include "services/host/slice.hpp"
#include "services/host/system_error.hpp"

namespace podsandbox::host {

namespace {

constexpr auto pause = std::chrono::milliseconds(20);
constexpr const char* without_parent = "/k8s.io";

void kill_all_in(const std::string& cgroup) {
  std::ifstream pids(cgroup + "/cgroup.procs");
  for (int pid = 0; pids >> pid;) {
    if (pid > 0) kill(pid, SIGKILL);
  }
}

// 0 or an errno; EBUSY: somebody is still in it.
int remove_from(const std::filesystem::path& mount, const std::string& path) {
  const std::string cgroup = mount.string() + path;
  if (rmdir(cgroup.c_str()) == 0 || errno == ENOENT) return 0;
  const int error = errno;
  if (error == EBUSY) kill_all_in(cgroup);
  return error;
}

}  // namespace

std::string runc_cgroup(const std::string& cgroup_parent, const std::string& id) {
  if (cgroup_parent.empty()) return std::string(without_parent) + "/" + id;
  const auto parent = pod_cgroup(cgroup_parent);
  if (!parent) return "";
  return (*parent == "/" ? "" : *parent) + "/" + (is_slice(cgroup_parent) ? scope_unit(id) : id);
}

Result<Done> clear_runc_cgroup(const std::string& path, std::chrono::milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  for (const auto& mount : find_all_hierarchies()) {
    for (int error = remove_from(mount, path); error != 0; error = remove_from(mount, path)) {
      if (error != EBUSY || std::chrono::steady_clock::now() > until) {
        return failure(ErrorKind::unavailable, because("removing cgroup " + mount.string() + path, error));
      }
      std::this_thread::sleep_for(pause);
    }
  }
  return Done{};
}

}  // namespace podsandbox::host
