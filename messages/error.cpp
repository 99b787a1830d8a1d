#include "messages/error.hpp"

namespace podsandbox {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::invalid_argument:
      return "invalid argument";
    case ErrorKind::deadline_exceeded:
      return "deadline exceeded";
    case ErrorKind::not_found:
      return "not found";
    case ErrorKind::already_exists:
      return "already exists";
    case ErrorKind::permission_denied:
      return "permission denied";
    case ErrorKind::resource_exhausted:
      return "resource exhausted";
    case ErrorKind::failed_precondition:
      return "failed precondition";
    case ErrorKind::aborted:
      return "aborted";
    case ErrorKind::out_of_range:
      return "out of range";
    case ErrorKind::unimplemented:
      return "unimplemented";
    case ErrorKind::internal:
      return "internal";
    case ErrorKind::unavailable:
      return "unavailable";
  }
  return "unknown";
}

}  // namespace podsandbox
