#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace podsandbox::host {

/// A request of ttrpc, as it goes over the wire: a header of ten bytes (length, stream, type and flags, in
/// network order; containerd/ttrpc, PROTOCOL.md) and the request message. A client's streams are odd, each
/// greater than the one before.
std::string ttrpc_request(const std::string& service, const std::string& method, const std::string& payload,
                          std::uint32_t stream = 1);

inline constexpr std::size_t ttrpc_header_size = 10;

/// The length of the message that follows this header, whatever it is.
std::size_t ttrpc_length(const std::string& header);

}  // namespace podsandbox::host
