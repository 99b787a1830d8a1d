#pragma once

#include <optional>
#include <string>

namespace podsandbox::host {

/// All that is in a file, also in one of the kernel's, which has no size and may go while it is read (a
/// stream's buffer throws then). Empty, with errno, when it cannot be read to its end. May hang, as files
/// may.
std::optional<std::string> read_file(const std::string& path);

}  // namespace podsandbox::host
