#include "services/linux/sandbox_cgroup.hpp"

#include <algorithm>
#include <filesystem>

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

Result<Done> enter_sandbox_scope(const CgroupMakers& makers, const std::string& cgroup_parent,
                                 const std::string& id, int pid) {
  auto slice = host::slice_unit(cgroup_parent);
  if (!slice) return failure(ErrorKind::invalid_argument, slice.error());
  const Scope scope{host::scope_unit(id), "pod sandbox " + id, std::move(*slice), pid, makers.mounts.unified};
  return start_scope(makers.systemd, scope, std::chrono::steady_clock::now() + makers.deadline);
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
