#include "services/containerd/runtime/account_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "services/host/small_file.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::containerd_runtime {

namespace {

constexpr std::size_t longest = 1 << 20;

tl::unexpected<Error> failed(const std::string& what) {
  return failure(ErrorKind::internal, host::because("reading the image's users: " + what));
}

// Only what the snapshot is made of. Its own layer is empty yet, and its first mount, which the kernel
// remembers something of, is that of its task.
::containerd::types::Mount lower_part(const ::containerd::types::Mount& wanted) {
  constexpr std::string_view lower = "lowerdir=";
  ::containerd::types::Mount mount = wanted;
  if (wanted.type() != "overlay") return mount;
  mount.clear_options();
  for (const std::string& option : wanted.options()) {
    if (option.starts_with("upperdir=") || option.starts_with("workdir=")) continue;
    if (option.starts_with(lower) && option.find(':') == std::string::npos) {  // an overlay has two or more
      mount.set_type("bind");
      mount.set_source(option.substr(lower.size()));
      mount.clear_options();
      return mount;
    }
    mount.add_options(option);
  }
  return mount;
}

// Nothing is written: whatever else a snapshotter wants of a mount goes to the file system as it is.
bool mount_one(const ::containerd::types::Mount& wanted, const char* target) {
  static const std::map<std::string_view, unsigned long> known{
      {"bind", MS_BIND},   {"rbind", MS_BIND | MS_REC}, {"ro", MS_RDONLY},    {"rw", 0},
      {"nodev", MS_NODEV}, {"nosuid", MS_NOSUID},       {"noexec", MS_NOEXEC}};
  unsigned long flags = wanted.type() == "bind" ? MS_BIND : 0;
  std::string data;
  for (const std::string& option : wanted.options()) {
    if (const auto it = known.find(option); it != known.end()) {
      flags |= it->second;
    } else {
      data += (data.empty() ? "" : ",") + option;
    }
  }
  return mount(wanted.source().c_str(), target, wanted.type().c_str(), flags, data.c_str()) == 0;
}

// What the image's own links say stays in the image.
Result<std::optional<std::string>> read_in(int root, const char* path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT;
  const host::UniqueFd file(static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how)));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return failed(path);
  }
  auto text = host::read_small_file(file, longest);
  if (!text) return failure(ErrorKind::failed_precondition, std::string(path) + ": " + text.error().message);
  return std::optional(std::move(*text));
}

}  // namespace

// With mounts of this thread's own, over a directory that is there anyway: they go with it.
Result<oci::AccountFiles> read_account_files(const Mounts& mounts) {
  const char* const target = "/tmp";
  if (unshare(CLONE_FS | CLONE_NEWNS) != 0) return failed("a mount namespace");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return failed("a mount namespace");
  for (const auto& one : mounts) {
    if (!mount_one(lower_part(one), target)) return failed("mounting " + one.type() + " " + one.source());
  }
  const host::UniqueFd root(open(target, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed("opening the root");
  auto passwd = read_in(root.get(), "/etc/passwd");
  if (!passwd) return tl::unexpected<Error>(std::move(passwd.error()));
  auto group = read_in(root.get(), "/etc/group");
  if (!group) return tl::unexpected<Error>(std::move(group.error()));
  return oci::AccountFiles{std::move(*passwd), std::move(*group)};
}

}  // namespace podsandbox::containerd_runtime
