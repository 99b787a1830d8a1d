#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace podsandbox {

/// What sort of failure it was. Each kind is one gRPC code (services/api/status.cpp is the only place that
/// knows which) and so one error class of containerd.
enum class ErrorKind : std::uint8_t {
  cancelled,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
};

/// A failure as a value. The message says what was tried, on which sandbox, and what to do; it reaches the
/// client as it is.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;

  bool operator==(const Error&) const = default;
};

/// Either the value or why there is none.
template <class T>
using Result = tl::expected<T, Error>;

/// The value of an operation that has nothing to tell but that it succeeded.
struct Done {
  bool operator==(const Done&) const = default;
};

inline tl::unexpected<Error> failure(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

}  // namespace podsandbox
