#pragma once

#include <string>

#include "messages/requests.hpp"

namespace podsandbox::api {

/// The value of `info["info"]` in a verbose status: JSON with the keys and forms of containerd's built-in
/// controller, which since 2.3 decodes it (facts: controller, "Status"). Looks at the network namespace's
/// path, so it may hang when that does: not for an actor's or gRPC's thread.
std::string verbose_info(const StatusAnswer& answer);

}  // namespace podsandbox::api
