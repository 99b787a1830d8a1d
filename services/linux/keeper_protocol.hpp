#pragma once

// Shared with programs that have no C++ library: only C headers here.
#include <stdint.h>  // NOLINT(modernize-deprecated-headers)

/// What the daemon and the keeper say to one another on a SOCK_SEQPACKET unix socket: one request packet,
/// then one reply packet, strictly in order on each connection. Both run on one machine: host byte order. A
/// packet that is not exactly one `KeeperRequest` with the right magic, version and descriptors closes the
/// connection.
namespace podsandbox::linux_runtime {

inline constexpr uint32_t keeper_magic = 0x4b425350;  // "PSBK"
inline constexpr uint32_t keeper_version = 3;

/// Room for the longest identifier and its terminating NUL.
inline constexpr unsigned keeper_id_size = 77;

/// The one descriptor that the keeper inherits: a listening socket.
inline constexpr int keeper_listen_fd = 3;

/// The descriptors that come with keeper_spawn, in this order: these two, then that of
/// keeper_in_user_namespace and then that of keeper_into_cgroup, each only with its flag.
enum KeeperFd : uint32_t {
  keeper_fd_control = 0,  ///< becomes fd 3 of the child
  keeper_fd_program = 1,  ///< the program that it runs: the daemon's, which may be newer than the keeper
  keeper_fd_first_of_flags = 2,
  keeper_fd_most = 4,
};

/// How a child is made, in `flags` of keeper_spawn.
enum KeeperFlags : uint32_t {
  /// No pid namespace of its own.
  keeper_host_pid = 1,
  /// As root of the user namespace whose descriptor comes with it, which then owns the child's pid namespace.
  keeper_in_user_namespace = 2,
  /// In the cgroup of version 2 whose directory comes with it.
  keeper_into_cgroup = 4,
  keeper_all_flags = 7,
};

enum KeeperOp : uint32_t {
  /// Make a child `id`. Carries the descriptors above. Answers as soon as the process exists. EEXIST, with
  /// the entry that exists, when there is one; ENOSPC when the table is full. Else what
  /// the kernel says of making it.
  keeper_spawn = 1,
  /// Tell of `id`. ENOENT when there is none.
  keeper_look = 2,
  /// Tell of the first entry whose slot is at least `slot`. ENOENT when there is none.
  keeper_next = 3,
  /// Forget `id`, which is the dead child `pid`. ENOENT: no such id; ESRCH: another pid; EBUSY: it runs.
  keeper_reap = 4,
};

struct KeeperRequest {
  uint32_t magic;
  uint32_t version;
  uint32_t op;
  uint32_t flags;           // KeeperFlags; keeper_spawn only
  uint32_t slot;            // keeper_next only
  int32_t pid;              // keeper_reap only
  char id[keeper_id_size];  // NUL-terminated; not for keeper_next
  char padding[3];
};

enum KeeperState : uint32_t { keeper_none = 0, keeper_running = 1, keeper_dead = 2 };

/// Carries the entry's pidfd whenever `state` is not keeper_none, except in the answer to keeper_reap.
struct KeeperReply {
  uint32_t magic;
  uint32_t version;
  uint32_t op;     // of the request
  int32_t error;   // 0, or an errno
  uint32_t state;  // KeeperState: whether the fields below tell of an entry
  uint32_t slot;
  int32_t pid;
  int32_t wait_status;  // as waitpid() gives it; when dead
  int64_t created_ns;   // CLOCK_REALTIME
  int64_t exited_ns;    // CLOCK_REALTIME; when dead
  char id[keeper_id_size];
  char padding[3];
};

static_assert(sizeof(KeeperRequest) == 104 && sizeof(KeeperReply) == 128);

}  // namespace podsandbox::linux_runtime
