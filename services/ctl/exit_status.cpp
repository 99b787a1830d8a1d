#include "services/ctl/exit_status.hpp"

#include <array>

namespace podsandbox::ctl {

namespace {

constexpr std::array<std::string_view, 17> code_names{
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};

}  // namespace

ExitStatus exit_status_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return ExitStatus::ok;
    case grpc::StatusCode::NOT_FOUND:
      return ExitStatus::not_found;
    case grpc::StatusCode::ALREADY_EXISTS:
      return ExitStatus::already_exists;
    case grpc::StatusCode::UNAVAILABLE:
      return ExitStatus::unavailable;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ExitStatus::timed_out;
    default:
      return ExitStatus::failed;
  }
}

std::string_view name_of(grpc::StatusCode code) {
  const auto index = static_cast<std::size_t>(code);
  return index < code_names.size() ? code_names.at(index) : "UNKNOWN";
}

}  // namespace podsandbox::ctl
