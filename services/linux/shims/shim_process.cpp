#include "services/linux/shims/shim_process.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "messages/failpoint.hpp"
#include "messages/log.hpp"
#include "services/host/oom_score.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/spawn.hpp"
#include "services/host/system_error.hpp"
#include "services/linux/shims/shim_binary.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr int served_fd = 3;  // that a shim serves unless it is told a socket
constexpr int highest_oom_score = 1000;

// What systemd tells this process alone.
constexpr std::array<std::string_view, 6> not_inherited{
    "NOTIFY_SOCKET=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PID=", "WATCHDOG_USEC=", "WATCHDOG_PID="};

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets one
  return value == nullptr ? "" : value;
}

// As containerd does it: in each hierarchy in which there is such a cgroup, and it must be in one.
Result<Done> enter_cgroup(int pid, const std::string& cgroup) {
  bool entered = false;
  for (const auto& mount : host::find_all_hierarchies()) {
    const std::string procs = mount.string() + "/" + cgroup + "/cgroup.procs";
    const host::UniqueFd file(open(procs.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) continue;
    const std::string text = std::to_string(pid);
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return failure(ErrorKind::failed_precondition, host::because("putting it into " + procs));
    }
    entered = true;
  }
  if (entered) return Done{};
  return failure(ErrorKind::failed_precondition, "there is no cgroup " + cgroup + " (ShimCgroup)");
}

Result<Done> place(int pid, const ShimOrder& order) {
  const auto score = host::set_oom_score_adj(pid, std::min(host::own_oom_score_adj() + 1, highest_oom_score));
  if (!score) return tl::unexpected<Error>(score.error());
  return order.cgroup.empty() ? Result<Done>(Done{}) : enter_cgroup(pid, order.cgroup);
}

}  // namespace

std::vector<std::string> shim_arguments(const ShimOrder& order) {
  return {"-namespace", "k8s.io", "-id", order.id, "-address", order.containerd_address};
}

std::vector<std::string> shim_environment(const std::vector<std::string>& ours, const ShimOrder& order) {
  std::vector<std::string> all{"GOMAXPROCS=4",
                               "MAX_SHIM_VERSION=2",
                               "NAMESPACE=k8s.io",
                               "OTEL_SERVICE_NAME=containerd-shim-" + order.id,
                               "GRPC_ADDRESS=" + order.containerd_address,
                               "TTRPC_ADDRESS=" + order.containerd_address + ".ttrpc"};
  const auto set = [all](std::string_view name) {
    return std::ranges::any_of(all, [name](const auto& entry) { return entry.starts_with(name); });
  };
  for (const auto& entry : ours) {
    const auto name = std::string_view(entry).substr(0, entry.find('=') + 1);
    if (!set(name) && std::ranges::find(not_inherited, name) == not_inherited.end()) all.push_back(entry);
  }
  return all;
}

Result<std::string> find_shim_of(const std::string& runtime_type, const std::string& containerd_address) {
  return find_shim(runtime_type, variable("PATH"), containerd_address);
}

Result<ShimProcess> start_shim(const ShimOrder& order) {
  const auto binary = find_shim_of(order.runtime_type, order.containerd_address);
  if (!binary) return tl::unexpected<Error>(binary.error());
  const host::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const host::UniqueFd log(open(order.place.log.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!null || !log || fcntl(log.get(), F_SETFL, 0) != 0) {
    return failure(ErrorKind::unavailable, host::because("opening " + order.place.log));
  }
  host::Program program;
  program.path = *binary;
  program.arguments = shim_arguments(order);
  program.environment = shim_environment(host::environment_with({}), order);
  program.directory = order.place.bundle;
  // What a shim that breaks has to say comes to the same place as its log.
  program.descriptors = {{null.get(), STDIN_FILENO},
                         {null.get(), STDOUT_FILENO},
                         {log.get(), STDERR_FILENO},
                         {order.listener.get(), served_fd}};
  failpoint("shim is started");
  const auto pid = host::spawn(program);
  if (!pid) return tl::unexpected<Error>(pid.error());
  failpoint("shim runs");
  // It cannot be another's: nobody else reaps it.
  ShimProcess shim{*pid, 0, host::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)))};
  const auto stat = host::read_stat(*pid);
  if (stat) shim.start_time = stat->start_time;
  auto placed =
      shim.pidfd ? place(*pid, order) : failure(ErrorKind::resource_exhausted, host::because("watching it"));
  if (!placed) {
    kill(*pid, SIGKILL);
    waitpid(*pid, nullptr, 0);
    return tl::unexpected<Error>(placed.error());
  }
  const auto written = write_shim_record(order.place, {order.boot_id, *pid, shim.start_time});
  if (!written) log::warn("shims", order.id, written.error().message);  // it is found without one, too
  return shim;
}

bool reap_shim(const ShimProcess& shim) {
  siginfo_t how{};
  const int reaped = waitid(P_PIDFD, static_cast<id_t>(shim.pidfd.get()), &how, WEXITED | WNOHANG);
  return reaped == 0 && how.si_pid != 0 && (how.si_code != CLD_EXITED || how.si_status != 0);
}

}  // namespace podsandbox::linux_runtime
