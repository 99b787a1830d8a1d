#pragma once

#include <string>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"

/// The socket of a pod's task API, which is ours until a shim that we start inherits it.
namespace podsandbox::linux_runtime {

/// Listens at `path`, only for root, in place of whatever is there: at no moment is there nothing.
Result<host::UniqueFd> listen_for_shim(const std::string& path);

/// Whether a descriptor is such a socket, and the one that is at `path`. FAILED_PRECONDITION: why not.
Result<Done> check_listens_at(const host::UniqueFd& listener, const std::string& path);

/// Whether a connection waits to be accepted.
bool has_waiting(const host::UniqueFd& listener);

/// Accepts and closes those that wait; how many there were.
unsigned refuse_waiting(const host::UniqueFd& listener);

}  // namespace podsandbox::linux_runtime
