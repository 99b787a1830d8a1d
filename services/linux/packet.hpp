#pragma once

#include <cstddef>
#include <span>

#include "services/host/unique_fd.hpp"

namespace podsandbox::linux_runtime {

/// The most descriptors that one packet carries.
inline constexpr std::size_t packet_fds = 17;

/// Sends one packet, and duplicates of `fds`, without waiting. Returns 0 or an errno.
int send_packet(int socket, const void* data, std::size_t size, std::span<const int> fds = {});

/// What came of a receive without waiting.
struct Received {
  int error = 0;      ///< 0 or an errno: EAGAIN when nothing is there, EPIPE when the other end is closed,
                      ///< EPROTO for a packet of another size
  host::UniqueFd fd;  ///< the descriptor that came with it, if one did
};

/// Receives one packet of exactly `size` bytes and at most one descriptor.
Received receive_packet(int socket, void* data, std::size_t size);

}  // namespace podsandbox::linux_runtime
