#include "services/host/namespaces.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "services/host/system_error.hpp"
#include "services/host/user_namespace.hpp"

namespace podsandbox::host {

namespace {

Result<UniqueFd> open_network(const std::string& path) {
  const std::string what = "netns_path: opening " + path;
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

bool is_ours(const UniqueFd& user_namespace) {
  struct stat theirs {};
  struct stat ours {};
  return fstat(user_namespace.get(), &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

// CRI makes the network of a pod with a user namespace inside that namespace: so it is found.
Result<UniqueFd> owner_of(const UniqueFd& network, const std::string& path) {
  const std::string what = "netns_path: the user namespace of " + path;
  UniqueFd user(ioctl(network.get(), NS_GET_USERNS));
  if (!user) return failure(ErrorKind::invalid_argument, because(what));
  if (is_ours(user)) {
    return failure(ErrorKind::invalid_argument,
                   what + ": it is the host's, but the pod is to have one of its own");
  }
  return user;
}

}  // namespace

Result<Namespaces> open_namespaces(const std::string& netns_path,
                                   const std::optional<UserNamespace>& mappings) {
  Namespaces all;
  if (!netns_path.empty()) {
    auto network = open_network(netns_path);
    if (!network) return tl::unexpected<Error>(network.error());
    all.network = std::move(*network);
  }
  if (!mappings) return all;
  auto user = all.network ? owner_of(all.network, netns_path) : make_user_namespace(*mappings);
  if (!user) return tl::unexpected<Error>(user.error());
  all.user = std::move(*user);
  return all;
}

}  // namespace podsandbox::host
