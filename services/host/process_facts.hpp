#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "services/host/unique_fd.hpp"

/// What the kernel tells about a process that need not be our child.
namespace podsandbox::host {

/// The parts of /proc/PID/stat that we use.
struct ProcessStat {
  std::string name;  ///< of its program, at most 15 bytes
  char state = 0;
  int parent = 0;
  std::uint64_t start_time = 0;  ///< clock ticks since boot
  int wait_status = 0;           ///< as waitpid() gives it; true only of a zombie ('Z')
};

/// Empty when there is no such process.
std::optional<ProcessStat> read_stat(int pid);

/// Opens the process `pid` if it is the one that started at `start_time`, else empty.
UniqueFd open_process(int pid, std::uint64_t start_time);

/// The wait status of a dead process that somebody else reaps or has reaped, from its zombie or from what its
/// pidfd remembers (since Linux 6.15). Empty when neither knows, or it runs.
std::optional<int> wait_status_of_other(int pidfd, int pid, std::uint64_t start_time);

/// Exit code, or 128 + signal.
std::uint32_t exit_status(int wait_status);

/// Whether the process behind `pidfd` has ended.
bool has_ended(int pidfd);

/// Whether it ends by then; blocks as long.
bool ends_by(int pidfd, std::chrono::steady_clock::time_point until);

/// Returns 0 or an errno.
int send_signal(int pidfd, int signal);

/// Different after every boot. Empty when the kernel does not tell.
std::string boot_id();

/// The host's name in this process's UTS namespace.
std::string host_name();

}  // namespace podsandbox::host
