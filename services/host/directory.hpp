#pragma once

#include <string>
#include <vector>

#include "services/host/unique_fd.hpp"

/// Directories by descriptor: a path that somebody replaces by a symlink meanwhile leads nowhere else. Errors
/// are errnos, 0 is success. Every function may hang, as files may.
namespace podsandbox::host {

/// Opens directory `name` in `parent`; a symlink is ELOOP or ENOTDIR. Empty, with errno, on failure.
UniqueFd open_directory(int parent, const std::string& name);

/// Opens the directory at `path`, symlinks followed: for an operator's own paths. Makes it and its parents
/// (mode 0755) where they are missing. Empty, with errno, on failure.
UniqueFd open_or_make_directories(const std::string& path);

/// The names in the directory; what can be read of them.
std::vector<std::string> names_in(int directory);

/// Makes the regular file `name` with this content and mode 0644, whatever the umask; it must not exist.
int make_file(int parent, const std::string& name, const std::string& content);

/// Takes every mount off `name` in `parent`. 0, too, when there is none, or nothing of that name.
int unmount_all(int parent, const std::string& name);

/// Removes `name` in `parent` with all that is in it. Mounts in it are taken off, and nothing that is behind
/// them is touched. 0, too, when it does not exist.
int remove_tree(int parent, const std::string& name);

}  // namespace podsandbox::host
