#pragma once

#include <string>

#include "messages/error.hpp"

namespace podsandbox {

/// What a test says when there is no value where there must be one.
template <class T>
std::string why(const Result<T>& result) {
  return result ? "" : result.error().message;
}

}  // namespace podsandbox
