#include "services/linux/network_namespace.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "services/linux/system_error.hpp"

namespace podsandbox::linux_runtime {

Result<UniqueFd> open_network_namespace(const std::string& id, const std::string& path) {
  const std::string what = "netns_path: opening " + path + " for sandbox " + id;
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return failure(ErrorKind::invalid_argument, because(what));
  struct statfs filesystem {};
  // Asked first: on anything else the ioctl might mean something different.
  if (fstatfs(fd.get(), &filesystem) != 0) return failure(ErrorKind::invalid_argument, because(what));
  if (filesystem.f_type != NSFS_MAGIC || ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return failure(ErrorKind::invalid_argument, what + ": it is not a network namespace");
  }
  return fd;
}

}  // namespace podsandbox::linux_runtime
