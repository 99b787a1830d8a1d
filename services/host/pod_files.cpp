#include "services/host/pod_files.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

#include "messages/failpoint.hpp"
#include "proto/cri.pb.h"
#include "services/host/directory.hpp"
#include "services/host/file_text.hpp"
#include "services/host/resolv_conf.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

namespace {

constexpr const char* shm_size = "67108864";  // 64 MiB, the CRI's for every pod

tl::unexpected<Error> failed(const std::string& what, int error) {
  const auto kind = error == ENOSPC || error == EDQUOT ? ErrorKind::resource_exhausted : ErrorKind::internal;
  return failure(kind, because(what, error));
}

// A directory of the pod, and the one that it is in.
struct PodDirectory {
  std::string base;
  UniqueFd sandboxes;
  UniqueFd own;
};

Result<PodDirectory> make_directory(const std::string& base, const std::string& id,
                                    const std::string& owner) {
  PodDirectory made{base + "/sandboxes", {}, {}};
  made.sandboxes = open_or_make_directories(made.base);
  if (!made.sandboxes) return failed("making " + made.base + " for its files", errno);
  const int error = make_pod_directory(made.sandboxes.get(), id, owner, made.own);
  if (error == EEXIST) {
    return failure(ErrorKind::already_exists, made.base + "/" + id +
                                                  " exists and was not made for this sandbox: is it another "
                                                  "controller's?");
  }
  if (error != 0) return failed("making a directory in " + made.base + " for its files", error);
  return made;
}

Result<std::string> read_host_file(const char* path) {
  auto text = read_file(path);
  if (!text) return failed(std::string("copying ") + path + " for its files", errno);
  return std::move(*text);
}

Result<Done> make_root_files(const UniqueFd& directory, const SandboxSpec& spec,
                             const std::string& host_name) {
  const auto& config = *spec.config;
  auto hosts = read_host_file("/etc/hosts");
  if (!hosts) return tl::unexpected<Error>(hosts.error());
  auto resolv = config.has_dns_config() ? Result<std::string>(resolv_conf(config.dns_config()))
                                        : read_host_file("/etc/resolv.conf");
  if (!resolv) return tl::unexpected<Error>(resolv.error());
  const std::string& name = config.hostname().empty() ? host_name : config.hostname();
  for (const auto& [file, content] : {std::pair<const char*, std::string>{"hostname", name + "\n"},
                                      {"hosts", *hosts},
                                      {"resolv.conf", *resolv}}) {
    const int error = make_file(directory.get(), file, content);
    if (error != 0) return failed(std::string("writing its file ") + file, error);
  }
  return Done{};
}

// By the calls of the new mount API, which have no path that could be replaced meanwhile.
int mount_shm(int directory) {
  if (mkdirat(directory, "shm", 0700) != 0) return errno;
  const UniqueFd config(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  const auto set = [&](const char* key, const char* value) {
    return syscall(SYS_fsconfig, config.get(), FSCONFIG_SET_STRING, key, value, 0) == 0;
  };
  if (!config || !set("source", "shm") || !set("mode", "1777") || !set("size", shm_size) ||
      syscall(SYS_fsconfig, config.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return errno;
  }
  constexpr int attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const UniqueFd mount(static_cast<int>(syscall(SYS_fsmount, config.get(), FSMOUNT_CLOEXEC, attributes)));
  if (!mount) return errno;
  failpoint("shared memory is mounted");
  return syscall(SYS_move_mount, mount.get(), "", directory, "shm", MOVE_MOUNT_F_EMPTY_PATH) == 0 ? 0 : errno;
}

Result<Done> make_state_files(const UniqueFd& directory, const SandboxSpec& spec) {
  const auto& namespaces = spec.config->linux().security_context().namespace_options();
  if (namespaces.ipc() == ::runtime::v1::NODE) return Done{};  // it has the host's
  if (const int error = mount_shm(directory.get())) {
    return failed("mounting its shared memory", error);
  }
  return Done{};
}

// Empty, with errno, when there is none.
UniqueFd open_sandboxes(const std::string& base) {
  return UniqueFd(open((base + "/sandboxes").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

Result<Done> make_pod_files(const CriSettings& cri, const std::string& owner, const SandboxSpec& spec,
                            const std::string& host_name) {
  const auto root = make_directory(cri.root_dir, spec.id, owner);
  if (!root) return tl::unexpected<Error>(root.error());
  const auto state = make_directory(cri.state_dir, spec.id, owner);
  auto made = state ? make_root_files(root->own, spec, host_name) : tl::unexpected<Error>(state.error());
  if (made) made = make_state_files(state->own, spec);
  if (made) return made;
  if (state) remove_tree(state->sandboxes.get(), spec.id);
  remove_tree(root->sandboxes.get(), spec.id);
  return made;
}

Result<Done> unmount_pod_shm(const CriSettings& cri, const std::string& owner, const std::string& id,
                             PodFiles which) {
  const UniqueFd sandboxes = open_sandboxes(cri.state_dir);
  if (!sandboxes || !owns_pod_directory(sandboxes.get(), id, owner, which)) return Done{};
  const UniqueFd directory = open_directory(sandboxes.get(), id);
  if (!directory) return Done{};
  if (const int error = unmount_all(directory.get(), "shm")) {
    return failed("unmounting its shared memory", error);
  }
  return Done{};
}

Result<Done> remove_pod_files(const CriSettings& cri, const std::string& owner, const std::string& id,
                              PodFiles which) {
  for (const std::string& base : {cri.state_dir, cri.root_dir}) {
    const UniqueFd sandboxes = open_sandboxes(base);
    if (!sandboxes) {
      if (errno == ENOENT) continue;
      return failed("opening " + base + "/sandboxes to remove its files", errno);
    }
    if (const int error = remove_pod_directory(sandboxes.get(), id, owner, which)) {
      return failed("removing " + base + "/sandboxes/" + id + ", its files", error);
    }
  }
  return Done{};
}

}  // namespace podsandbox::host
