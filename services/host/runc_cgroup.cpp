#include "services/host/runc_cgroup.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "services/host/cgroup.hpp"
#include "services/host/pod_cgroup.hpp"
#include "services/host/slice.hpp"
#include "services/host/system_error.hpp"

namespace podsandbox::host {

namespace {

constexpr auto pause = std::chrono::milliseconds(20);
constexpr const char* without_parent = "/k8s.io";

void kill_all_in(const std::filesystem::path& cgroup) {
  std::ifstream pids(cgroup / "cgroup.procs");
  for (int pid = 0; pids >> pid;) {
    if (pid > 0) kill(pid, SIGKILL);
  }
}

// With those that its processes made in it. 0 or an errno; EBUSY: somebody is still in it.
int remove_from(const std::filesystem::path& cgroup) {
  if (rmdir(cgroup.c_str()) == 0 || errno == ENOENT) return 0;
  std::error_code ignored;
  for (std::filesystem::directory_iterator it(cgroup, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    std::error_code unknown;
    if (it->is_directory(unknown)) remove_from(it->path());
  }
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
    const std::filesystem::path cgroup = mount.string() + path;
    for (int error = remove_from(cgroup); error != 0; error = remove_from(cgroup)) {
      if (error != EBUSY || std::chrono::steady_clock::now() > until) {
        return failure(ErrorKind::unavailable, because("removing cgroup " + cgroup.string(), error));
      }
      std::this_thread::sleep_for(pause);
    }
  }
  return Done{};
}

}  // namespace podsandbox::host
