#include "services/linux/sandbox_cgroup.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "services/host/owner_mark.hpp"
#include "services/host/pod_cgroup.hpp"
#include "services/host/slice.hpp"

namespace podsandbox::linux_runtime {

namespace {

namespace fs = std::filesystem;

bool exists(const host::CgroupMounts& mounts, const std::string& path) {
  return std::any_of(mounts.paths.begin(), mounts.paths.end(), [&](const fs::path& mount) {
    std::error_code error;
    return fs::exists(mount / fs::path(path).relative_path(), error) || error;
  });
}

}  // namespace

tl::expected<CgroupPlace, std::string> place_cgroup(const std::string& cgroup_parent, const std::string& id) {
  auto parent = host::pod_cgroup(cgroup_parent);
  if (!parent) return tl::unexpected(std::move(parent.error()));
  const std::string name = host::is_slice(cgroup_parent) ? host::scope_unit(id) : id;
  return CgroupPlace{*parent, (*parent == "/" ? "" : *parent) + "/" + name};
}

// A cgroup of our own making ends with the identifier itself, which is never that of its scope.
bool is_scope(const std::string& path, const std::string& id) {
  return path.ends_with("/" + host::scope_unit(id));
}

std::string named_after(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string scope = host::scope_unit("");
  const auto before = scope.rfind('.');
  const auto after = scope.size() - before;
  const bool is_one = name.size() > scope.size() && name.starts_with(scope.substr(0, before)) &&
                      name.ends_with(scope.substr(before));
  return is_one ? name.substr(before, name.size() - before - after) : name;
}

Result<Done> enter_sandbox_scope(const CgroupMakers& makers, const std::string& cgroup_parent,
                                 const std::string& id, int pid) {
  auto slice = host::slice_unit(cgroup_parent);
  if (!slice) return failure(ErrorKind::invalid_argument, slice.error());
  const Scope scope{host::scope_unit(id), "pod sandbox " + id, std::move(*slice), pid, makers.mounts.unified};
  auto started = start_scope(makers.systemd, scope, std::chrono::steady_clock::now() + makers.deadline);
  if (!started) return started;
  // Without the mark nobody finds it who does not know of it; it goes with its last process all the same.
  const auto place = place_cgroup(cgroup_parent, id);
  for (const fs::path& mount : makers.mounts.paths)
    host::set_mark(mount.string() + place->path, makers.owner);
  return started;
}

std::optional<CgroupPlace> find_sandbox_cgroup(const std::string& id, int pid) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string line; std::getline(lines, line);) {  // "1:cpu,cpuacct:/a/b"
    const auto path = line.substr(std::min(line.find(":/"), line.size() - 1) + 1);
    if (!path.starts_with('/') || named_after(path) != id) continue;
    return CgroupPlace{path.substr(0, path.rfind('/')), path};
  }
  return std::nullopt;
}

Result<Done> remove_sandbox_cgroup(const CgroupMakers& makers, const std::string& path,
                                   const std::string& id) {
  if (!is_scope(path, id)) return host::remove_cgroup(makers.mounts, path, makers.owner);
  auto stopped =
      stop_scope(makers.systemd, host::scope_unit(id), std::chrono::steady_clock::now() + makers.deadline);
  // Without systemd nothing can be left of a scope but its directory.
  const bool no_systemd = !stopped && stopped.error().kind == ErrorKind::failed_precondition;
  if (no_systemd && !exists(makers.mounts, path)) return Done{};
  return stopped;
}

}  // namespace podsandbox::linux_runtime
