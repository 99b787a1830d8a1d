#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

/// The whole of a regular file of at most `limit` bytes. The error says what is wrong with it (NOT_FOUND when
/// there is none, else FAILED_PRECONDITION), not which file it is. May hang, as files may.
Result<std::string> read_small_file(const std::string& path, std::size_t limit);
Result<std::string> read_small_file(const UniqueFd& file, std::size_t limit);

}  // namespace podsandbox::host
