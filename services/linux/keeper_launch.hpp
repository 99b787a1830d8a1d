#pragma once

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox::linux_runtime {

/// Where the keeper listens.
std::filesystem::path keeper_socket(const Settings& settings);

/// Connects to the keeper that runs. Empty when none listens; an error when it cannot be told.
Result<host::UniqueFd> connect_keeper(const Settings& settings);

/// A keeper on its way up.
struct LaunchedKeeper {
  host::UniqueFd connection;  ///< to it, made before it ran so that it does not end for lack of a client
  host::UniqueFd trouble;  ///< readable when exec is over: an int, the errno, if it failed; else end of file
};

/// Listens on the keeper's socket, in place of whatever is there, and starts a keeper on it: in a session of
/// its own and not as our child, so that it outlives us.
Result<LaunchedKeeper> launch_keeper(const Settings& settings);

}  // namespace podsandbox::linux_runtime
