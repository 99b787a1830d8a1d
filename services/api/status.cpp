#include "services/api/status.hpp"

namespace podsandbox::api {

namespace {

grpc::StatusCode code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::cancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorKind::invalid_argument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorKind::deadline_exceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorKind::not_found:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorKind::already_exists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorKind::permission_denied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorKind::resource_exhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorKind::failed_precondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorKind::aborted:
      return grpc::StatusCode::ABORTED;
    case ErrorKind::out_of_range:
      return grpc::StatusCode::OUT_OF_RANGE;
    case ErrorKind::unimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorKind::internal:
      return grpc::StatusCode::INTERNAL;
    case ErrorKind::unavailable:
      return grpc::StatusCode::UNAVAILABLE;
  }
  return grpc::StatusCode::UNKNOWN;
}

}  // namespace

grpc::Status to_status(const Error& error) {
  return {code(error.kind), error.message};
}

}  // namespace podsandbox::api
