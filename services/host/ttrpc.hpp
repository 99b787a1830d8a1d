#pragma once

#include <string>

namespace podsandbox::host {

/// A request of ttrpc, as it goes over the wire: a header of ten bytes (length, stream, type and flags, in
/// network order; containerd/ttrpc, PROTOCOL.md) and the request message.
std::string ttrpc_request(const std::string& service, const std::string& method, const std::string& payload);

}  // namespace podsandbox::host
