#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "services/host/unique_fd.hpp"

/// The directory of one pod in CRI's `sandboxes`, where other controllers have theirs, with the mark of its
/// owner (owner_mark.hpp) if the file system keeps one. Errors are errnos, 0 is success. Every function may
/// hang, as files may.
namespace podsandbox::host {

/// Which of what has a sandbox's id for its name belongs to the sandbox.
enum class PodFiles : std::uint8_t {
  none,
  marked,  ///< what bears our mark: it may not have come to be made, and what is there be another
           ///< controller's
  ours,    ///< they were made: also what has no mark, as on some file systems, or by an earlier version
};

/// Makes it with mode 0755. EEXIST when there is something of that name, whosoever. A crash of ours at any
/// moment leaves nothing, a directory with a mark, or one whose name only we give.
int make_pod_directory(int sandboxes, const std::string& id, const std::string& owner, UniqueFd& made);

/// Whether it belongs to the sandbox.
bool owns_pod_directory(int sandboxes, const std::string& id, const std::string& owner, PodFiles which);

/// Removes it, with all that is in it, and what a crash has left of its making. Leaves what does not belong
/// to the sandbox. 0, too, when there is nothing.
int remove_pod_directory(int sandboxes, const std::string& id, const std::string& owner, PodFiles which);

/// The ids of all that bear the owner's mark, or whose making was cut off.
std::set<std::string> marked_pod_directories(int sandboxes, const std::string& owner);

}  // namespace podsandbox::host
