#include "services/host/pod_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "messages/failpoint.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/host/directory.hpp"
#include "services/host/owner_mark.hpp"

namespace podsandbox::host {

namespace {

std::string path_in(int directory, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(directory) + "/" + name;
}

// The beginning of a directory's name while it has no mark yet: no identifier begins like this, and no other
// owner's. (It is FNV-1a: another version must find the same.)
std::string draft_prefix(const std::string& owner) {
  std::uint64_t hash = 14695981039346656037U;
  for (const unsigned char byte : owner) hash = (hash ^ byte) * 1099511628211U;
  return ".podsandboxd-" + std::to_string(hash) + "-";
}

// Of a file system that keeps no marks, or cannot move a directory unless it would replace another.
bool is_unable(int error) {
  return error == ENOTSUP || error == EPERM || error == EINVAL;
}

int make_marked(int sandboxes, const std::string& id, const std::string& owner) {
  const std::string draft = draft_prefix(owner) + id;
  if (mkdirat(sandboxes, draft.c_str(), 0755) != 0 && errno != EEXIST) return errno;
  failpoint("pod's directory is drafted");
  int error = set_mark(path_in(sandboxes, draft), owner);
  failpoint("pod's directory is marked");
  if (error == 0 && renameat2(sandboxes, draft.c_str(), sandboxes, id.c_str(), RENAME_NOREPLACE) != 0) {
    error = errno;
  }
  if (error != 0) remove_tree(sandboxes, draft);
  return error;
}

}  // namespace

int make_pod_directory(int sandboxes, const std::string& id, const std::string& owner, UniqueFd& made) {
  failpoint("pod's directory is made");
  int error = make_marked(sandboxes, id, owner);
  if (is_unable(error)) error = mkdirat(sandboxes, id.c_str(), 0755) == 0 ? 0 : errno;
  if (error != 0) return error;
  failpoint("pod's directory is there");
  made = open_directory(sandboxes, id);
  return made ? 0 : errno;
}

bool owns_pod_directory(int sandboxes, const std::string& id, const std::string& owner, PodFiles which) {
  if (which == PodFiles::none) return false;
  const auto mark = read_mark(path_in(sandboxes, id));
  return mark ? *mark == owner : which == PodFiles::ours;
}

int remove_pod_directory(int sandboxes, const std::string& id, const std::string& owner, PodFiles which) {
  if (which == PodFiles::none) return 0;
  if (const int error = remove_tree(sandboxes, draft_prefix(owner) + id)) return error;
  return owns_pod_directory(sandboxes, id, owner, which) ? remove_tree(sandboxes, id) : 0;
}

std::set<std::string> marked_pod_directories(int sandboxes, const std::string& owner) {
  const std::string drafts = draft_prefix(owner);
  std::set<std::string> ids;
  for (const std::string& name : names_in(sandboxes)) {
    const bool is_draft = name.starts_with(drafts);
    const std::string id = is_draft ? name.substr(drafts.size()) : name;
    if (!is_identifier(id)) continue;
    if (is_draft || owns_pod_directory(sandboxes, id, owner, PodFiles::marked)) ids.insert(id);
  }
  return ids;
}

}  // namespace podsandbox::host
