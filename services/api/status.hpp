#pragma once

#include <grpcpp/support/status.h>

#include "messages/error.hpp"

namespace podsandbox::api {

/// The one place where an error gets its gRPC code (facts: containerd's error classes and their codes).
grpc::Status to_status(const Error& error);

}  // namespace podsandbox::api
