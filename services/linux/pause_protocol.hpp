#pragma once

// Shared with programs that have no C++ library: only C headers here.
#include <stdint.h>  // NOLINT(modernize-deprecated-headers)

/// What the daemon and a pause process say to one another on a SOCK_SEQPACKET socket pair: one `PauseSetup`
/// down, one `PauseReport` up, one `PauseGo` down, and that is all. A pause process whose socket is closed
/// before it may go ends: none outlives a start that nobody finished.
namespace podsandbox::linux_runtime {

inline constexpr uint32_t pause_magic = 0x33425350;  // "PSB3"

/// The descriptor on which a pause process finds its end of the pair.
inline constexpr int pause_control_fd = 3;

/// Longest host name and its terminating NUL.
inline constexpr unsigned pause_hostname_size = 65;

enum PauseNetwork : uint32_t {
  pause_network_own = 0,    ///< a new network namespace, loopback up
  pause_network_given = 1,  ///< the one whose descriptor comes with the setup
  pause_network_host = 2,   ///< stay in the host's network and UTS namespaces
};

/// The most hierarchies of cgroup v1.
inline constexpr unsigned pause_most_cgroups = 16;

/// The descriptors that come with the setup: with pause_network_given that of the network namespace, then
/// `cgroup_count` that are open for the process to write "0" to, by which it enters a cgroup.
inline constexpr unsigned pause_most_fds = 1 + pause_most_cgroups;

/// The start of the packet. Behind it: `group_count` numbers of groups (uint32_t), then `sysctls_size` bytes
/// of NUL-terminated texts, in turn a path below /proc/sys and the value for it.
struct PauseSetup {
  uint32_t magic;
  uint32_t network;   // PauseNetwork
  uint32_t host_ipc;  // 1: stay in the host's IPC namespace
  uint32_t uid;
  uint32_t gid;
  uint32_t group_count;
  uint32_t sysctls_size;
  uint32_t cgroup_count;
  char hostname[pause_hostname_size];  // NUL-terminated; empty: keep the host's
  char padding[3];
};

/// The longest packet.
inline constexpr unsigned pause_setup_room = 32768;

/// The steps of setting up, in their order.
enum PauseStep : uint32_t {
  pause_exec = 0,  ///< the keeper's: run the program
  pause_receive,
  pause_cgroups,
  pause_join_network,
  pause_namespaces,
  pause_hostname,
  pause_loopback,
  pause_sysctls,
  pause_root,
  pause_bounding_set,
  pause_user,
  pause_capabilities,
  pause_no_new_privileges,
  pause_seccomp,
  pause_step_count,
};

/// `error` 0: all steps are done. Else the errno with which `step` failed; the process then exits non-zero.
struct PauseReport {
  uint32_t magic;
  uint32_t step;
  int32_t error;
  uint32_t item;  // of pause_cgroups and pause_sysctls: which one, counted from 0
};

/// Stay. From now on the process does not depend on the daemon.
struct PauseGo {
  uint32_t magic;
};

static_assert(sizeof(PauseSetup) == 100 && sizeof(PauseReport) == 16);

}  // namespace podsandbox::linux_runtime
