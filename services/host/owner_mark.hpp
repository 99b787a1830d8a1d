#pragma once

#include <optional>
#include <string>
#include <vector>

/// By whom a directory was made: an extended attribute that names the owner, a text that tells one
/// podsandboxd from another. It stays with the directory whatever happens to us. Only root sees it. Nothing
/// here follows a link at the end of a path. Errors are errnos, 0 is success.
namespace podsandbox::host {

/// Its name. An empty one is of a version that named no owner.
inline constexpr const char* owner_mark = "trusted.podsandbox";

/// Empty when there is none, or nothing at all at `path`.
std::optional<std::string> read_mark(const std::string& path, const std::string& name = owner_mark);

/// ENOTSUP and EPERM: not on this file system, or not for us.
int set_mark(const std::string& path, const std::string& owner, const std::string& name = owner_mark);

void remove_mark(const std::string& path, const std::string& name);

/// The names of all that there are.
std::vector<std::string> list_marks(const std::string& path);

}  // namespace podsandbox::host
