#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace podsandbox::host {

/// "<what>: <text of the errno>", the form in which our error messages name a cause.
inline std::string because(const std::string& what, int error = errno) {
  return what + ": " + std::generic_category().message(error);
}

}  // namespace podsandbox::host
