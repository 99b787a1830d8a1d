#pragma once

// Shared with a program that has no C++ library: only C headers here.
#include <stdint.h>

/// What start_bench and podsandbox-bench-bare say to one another on a SOCK_SEQPACKET socket pair, which is
/// the latter's standard input: one `BareRequest` down, one `BareReply` up. The end of the connection ends
/// the program and all that it started.
namespace podsandbox::bench {

inline constexpr unsigned bare_most_at_once = 64;

struct BareRequest {
  uint32_t count;  ///< start this many at once; 0: end all that were started
};

struct BareReply {
  int32_t error;                       ///< 0, or the errno with which something failed
  int64_t took_ns[bare_most_at_once];  ///< of each, from the request on
};

}  // namespace podsandbox::bench
