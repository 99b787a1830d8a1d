#pragma once

#include <string>

#include "services/host/unique_fd.hpp"

/// Unix sockets by their paths, close-on-exec. `type` is socket()'s, with its flags. Empty, with errno, when
/// it fails; ENAMETOOLONG: the path does not fit into an address.
namespace podsandbox::host {

/// Connected. ECONNREFUSED and ENOENT: nobody listens. EAGAIN with SOCK_NONBLOCK: it accepts nothing.
UniqueFd connect_to(const std::string& path, int type);

/// Listening, for our user alone. What was at the path is removed.
UniqueFd listen_at(const std::string& path, int type);

}  // namespace podsandbox::host
