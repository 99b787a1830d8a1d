#include "services/containerd/status.hpp"

namespace podsandbox::containerd_client {

namespace {

ErrorKind kind(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
      return ErrorKind::cancelled;
    case grpc::StatusCode::INVALID_ARGUMENT:
      return ErrorKind::invalid_argument;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ErrorKind::deadline_exceeded;
    case grpc::StatusCode::NOT_FOUND:
      return ErrorKind::not_found;
    case grpc::StatusCode::ALREADY_EXISTS:
      return ErrorKind::already_exists;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return ErrorKind::permission_denied;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return ErrorKind::resource_exhausted;
    case grpc::StatusCode::FAILED_PRECONDITION:
      return ErrorKind::failed_precondition;
    case grpc::StatusCode::ABORTED:
      return ErrorKind::aborted;
    case grpc::StatusCode::OUT_OF_RANGE:
      return ErrorKind::out_of_range;
    case grpc::StatusCode::UNIMPLEMENTED:
      return ErrorKind::unimplemented;
    case grpc::StatusCode::UNAVAILABLE:
      return ErrorKind::unavailable;
    default:  // UNKNOWN, INTERNAL, DATA_LOSS, and what a server makes up
      return ErrorKind::internal;
  }
}

}  // namespace

Error to_error(const grpc::Status& status) {
  return {kind(status.error_code()), status.error_message()};
}

}  // namespace podsandbox::containerd_client
