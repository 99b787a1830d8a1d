#include "services/host/process_facts.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <climits>
#include <sstream>

#include "messages/failpoint.hpp"
#include "services/host/file_text.hpp"
#include "services/host/poll_time.hpp"

namespace podsandbox::host {

namespace {

// Linux 6.15's PIDFD_GET_INFO, which this system's headers need not have.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid;
  std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr unsigned long get_info = _IOWR(0xFF, 11, PidfdInfo);
constexpr std::uint64_t info_exit = 1U << 3;

}  // namespace

std::optional<ProcessStat> read_stat(int pid) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat").value_or("");
  const auto name_begin = text.find('(');
  const auto name_end = text.rfind(')');  // the name may hold anything
  if (name_begin == std::string::npos || name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessStat stat;
  stat.name = text.substr(name_begin + 1, name_end - name_begin - 1);
  std::string skipped;
  constexpr int parent_field = 4;
  constexpr int start_field = 22;
  constexpr int exit_field = 52;
  fields >> stat.state >> stat.parent;
  for (int field = parent_field + 1; field < start_field; ++field) fields >> skipped;
  fields >> stat.start_time;
  for (int field = start_field + 1; field < exit_field; ++field) fields >> skipped;
  fields >> stat.wait_status;
  if (!fields) return std::nullopt;
  return stat;
}

UniqueFd open_process(int pid, std::uint64_t start_time) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return {};
  // Compared after opening: now the pid cannot go to another process unnoticed.
  const auto stat = read_stat(pid);
  if (!stat || stat->start_time != start_time) return {};
  return pidfd;
}

std::optional<int> wait_status_of_other(int pidfd, int pid, std::uint64_t start_time) {
  // In this order: when the zombie is gone it has been reaped, and only then does the pidfd know.
  const auto stat = read_stat(pid);
  if (stat && stat->start_time == start_time && stat->state == 'Z') return stat->wait_status;
  PidfdInfo info{};
  info.mask = info_exit;
  if (ioctl(pidfd, get_info, &info) == 0 && (info.mask & info_exit) != 0) return info.exit_code;
  return std::nullopt;
}

std::uint32_t exit_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) return 128U + static_cast<std::uint32_t>(WTERMSIG(wait_status));
  return static_cast<std::uint32_t>(WEXITSTATUS(wait_status));
}

bool has_ended(int pidfd) {
  pollfd poll_one{pidfd, POLLIN, 0};
  return poll(&poll_one, 1, 0) == 1;
}

bool ends_by(int pidfd, std::chrono::steady_clock::time_point until) {
  pollfd ended{pidfd, POLLIN, 0};
  for (;;) {
    const int left = poll_time(until);
    const int ready = poll(&ended, 1, left);
    if (ready > 0) return true;
    if (left == 0 || (ready < 0 && errno != EINTR)) return false;
  }
}

int send_signal(int pidfd, int signal) {
  failpoint("signal goes");
  const int error = syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0 ? 0 : errno;
  failpoint("signal is sent");
  return error;
}

std::string boot_id() {
  std::string id = read_file("/proc/sys/kernel/random/boot_id").value_or("");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

}  // namespace podsandbox::host
