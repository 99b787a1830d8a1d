#pragma once

#include <grpcpp/support/status.h>

#include "messages/error.hpp"

namespace podsandbox::containerd_client {

/// The one place where what containerd answers becomes an error of ours. `status` is not OK.
Error to_error(const grpc::Status& status);

}  // namespace podsandbox::containerd_client
