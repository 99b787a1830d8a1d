#include "services/host/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "messages/failpoint.hpp"

namespace podsandbox::host {

namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
constexpr int deepest = 64;

bool is_mount(int parent, const std::string& name) {
  struct statx facts {};
  return statx(parent, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &facts) == 0 &&
         (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

// The names in a directory, from its first, wherever others have read to.
int list(int directory, std::vector<std::string>& names) {
  const std::unique_ptr<DIR, CloseDir> dir(fdopendir(openat(directory, ".", directory_flags)));
  if (!dir) return errno;
  errno = 0;
  while (const dirent* entry = readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe): a DIR of our own
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.push_back(name);
  }
  return errno;
}

int remove_at(int parent, const std::string& name, int depth);

int remove_content(int parent, const std::string& name, int depth) {
  const UniqueFd directory = open_directory(parent, name);
  if (!directory) return errno;
  std::vector<std::string> names;
  if (const int error = list(directory.get(), names)) return error;
  for (const std::string& inner : names) {
    if (const int error = remove_at(directory.get(), inner, depth + 1)) return error;
  }
  return 0;
}

int remove_at(int parent, const std::string& name, int depth) {
  if (depth > deepest) return ELOOP;
  failpoint("file is removed");
  if (const int error = unmount_all(parent, name)) return error;
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  if (const int error = remove_content(parent, name, depth)) return error == ENOENT ? 0 : error;
  return unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace

UniqueFd open_directory(int parent, const std::string& name) {
  return UniqueFd(openat(parent, name.c_str(), directory_flags));
}

UniqueFd open_or_make_directories(const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    mkdir(path.substr(0, end).c_str(), 0755);
  }
  mkdir(path.c_str(), 0755);
  return UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::vector<std::string> names_in(int directory) {
  std::vector<std::string> names;
  list(directory, names);
  return names;
}

int make_file(int parent, const std::string& name, const std::string& content) {
  failpoint("file is made");
  const UniqueFd file(
      openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return errno;
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t written = write(file.get(), content.data() + done, content.size() - done);
    if (written < 0) return errno;
    done += static_cast<std::size_t>(written);
  }
  return fchmod(file.get(), 0644) == 0 ? 0 : errno;
}

int unmount_all(int parent, const std::string& name) {
  const std::string path = "/proc/self/fd/" + std::to_string(parent) + "/" + name;
  while (is_mount(parent, name)) {
    if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) return errno == EINVAL ? 0 : errno;
  }
  return 0;
}

int remove_tree(int parent, const std::string& name) {
  return remove_at(parent, name, 0);
}

}  // namespace podsandbox::host
