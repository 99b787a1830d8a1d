#include "services/linux/pause/setup.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/linux/pause/seccomp.hpp"

namespace podsandbox::linux_runtime::pause {

namespace {

int error_of(long result) {
  return result < 0 ? errno : 0;
}

// Whether the packet of `size` bytes is one, with the descriptors that belong to it, and where its parts are.
bool parse(Request* request, const char* packet, ssize_t size) {
  if (size < static_cast<ssize_t>(sizeof request->setup)) return false;
  memcpy(&request->setup, packet, sizeof request->setup);
  const PauseSetup& setup = request->setup;
  const size_t rest = static_cast<size_t>(size) - sizeof setup;
  if (setup.group_count > rest / sizeof(uint32_t)) return false;
  const size_t groups_size = setup.group_count * sizeof(uint32_t);
  request->groups = reinterpret_cast<const uint32_t*>(packet + sizeof setup);
  request->sysctls = packet + sizeof setup + groups_size;
  const bool given = setup.network == pause_network_given;
  request->netns = given ? request->fds[0] : -1;
  request->cgroups = request->fds + (given ? 1 : 0);
  const bool terminated = setup.sysctls_size == 0 || packet[size - 1] == '\0';
  return setup.magic == pause_magic && setup.network <= pause_network_host && setup.host_ipc <= 1 &&
         setup.hostname[pause_hostname_size - 1] == '\0' && setup.sysctls_size == rest - groups_size &&
         terminated && setup.cgroup_count <= pause_most_cgroups &&
         request->fd_count == setup.cgroup_count + (given ? 1 : 0);
}

int receive_setup(Request* request) {
  alignas(uint32_t) static char packet[pause_setup_room];
  request->fd_count = 0;
  iovec data{packet, sizeof packet};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof request->fds)];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_LEN(sizeof request->fds);  // the kernel drops what goes beyond
  const ssize_t size = recvmsg(pause_control_fd, &message, MSG_CMSG_CLOEXEC);
  if (size < 0) return errno;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    const size_t size_of_all = header->cmsg_len - CMSG_LEN(0);
    memcpy(request->fds, CMSG_DATA(header), size_of_all);
    request->fd_count = static_cast<uint32_t>(size_of_all / sizeof(int));
  }
  if ((message.msg_flags & MSG_TRUNC) != 0) return EMSGSIZE;
  if ((message.msg_flags & MSG_CTRUNC) != 0) return EPROTO;
  return parse(request, packet, size) ? 0 : EPROTO;
}

// Before anything is done that costs memory or makes processes. By itself, not by whoever knows its pid: for
// that one the kernel would stop all forking.
int enter_cgroups(Request* request) {
  for (; request->item < request->setup.cgroup_count; ++request->item) {
    const int cgroup = request->cgroups[request->item];
    if (write(cgroup, "0", 1) != 1) return errno;
    close(cgroup);
  }
  request->item = 0;
  return 0;
}

// Before the others are made: what /proc/sys shows of the network is that of the process that opens it.
int join_network(Request* request) {
  if (request->netns < 0) return 0;
  const int error = error_of(setns(request->netns, CLONE_NEWNET));
  close(request->netns);
  return error;
}

int make_namespaces(Request* request) {
  int flags = CLONE_NEWNS;
  if (request->setup.host_ipc == 0) flags |= CLONE_NEWIPC;
  if (request->setup.network != pause_network_host) flags |= CLONE_NEWUTS;
  if (request->setup.network == pause_network_own) flags |= CLONE_NEWNET;
  return error_of(unshare(flags));
}

int set_hostname(Request* request) {
  const char* hostname = request->setup.hostname;
  if (request->setup.network == pause_network_host || hostname[0] == '\0') return 0;
  return error_of(sethostname(hostname, strlen(hostname)));
}

int raise_loopback(Request* request) {
  if (request->setup.network != pause_network_own) return 0;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq interface {};
  memcpy(interface.ifr_name, "lo", sizeof "lo");
  int error = error_of(ioctl(fd, SIOCGIFFLAGS, &interface));
  interface.ifr_flags = static_cast<short>(interface.ifr_flags | IFF_UP);
  if (error == 0) error = error_of(ioctl(fd, SIOCSIFFLAGS, &interface));
  close(fd);
  return error;
}

int write_sysctl(int sysctls, const char* path, const char* value) {
  const int fd = openat(sysctls, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno;
  // One write for the whole: a second one would begin a new value.
  const auto length = static_cast<ssize_t>(strlen(value));
  const ssize_t written = write(fd, value, static_cast<size_t>(length));
  const int error = written == length ? 0 : (written < 0 ? errno : EINVAL);
  close(fd);
  return error;
}

int set_sysctls(Request* request) {
  if (request->setup.sysctls_size == 0) return 0;
  const int sysctls = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (sysctls < 0) return errno;
  const char* end = request->sysctls + request->setup.sysctls_size;
  int error = 0;
  for (const char* path = request->sysctls; error == 0 && path < end; ++request->item) {
    const char* value = path + strlen(path) + 1;
    if (value >= end) return EPROTO;
    error = write_sysctl(sysctls, path, value);
    if (error != 0) break;
    path = value + strlen(value) + 1;
  }
  close(sysctls);
  return error;
}

// A mount of an empty, read-only tmpfs that is attached nowhere yet; negative on failure, with errno.
int detached_empty_root() {
  const long config = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (config < 0) return -1;
  long mount = syscall(SYS_fsconfig, config, FSCONFIG_SET_STRING, "mode", "0555", 0);
  if (mount == 0) mount = syscall(SYS_fsconfig, config, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (mount == 0) {
    constexpr int attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    mount = syscall(SYS_fsmount, config, FSMOUNT_CLOEXEC, attributes);
  }
  const int error = errno;
  close(static_cast<int>(config));
  errno = error;
  return static_cast<int>(mount);
}

// Leaves the mount namespace with nothing but an empty root: none of the host's mounts is kept busy by us.
int change_root(Request*) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  const int root = detached_empty_root();
  if (root < 0) return errno;
  int error = error_of(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
  if (error == 0) error = error_of(fchdir(root));
  close(root);
  // Both at one place: the old root is then mounted on top of the new one, from where it is taken away.
  if (error == 0) error = error_of(syscall(SYS_pivot_root, ".", "."));
  if (error == 0) error = error_of(umount2(".", MNT_DETACH));
  if (error == 0) error = error_of(chdir("/"));
  return error;
}

int empty_bounding_set(Request*) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0) break;  // beyond the kernel's last
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno;
  }
  return 0;
}

int become_user(Request* request) {
  const PauseSetup& setup = request->setup;
  if (setgroups(setup.group_count, request->groups) != 0) return errno;
  if (setresgid(setup.gid, setup.gid, setup.gid) != 0) return errno;
  return error_of(setresuid(setup.uid, setup.uid, setup.uid));
}

// Those that are left when the user is root.
int drop_capabilities(Request*) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return error_of(syscall(SYS_capset, &header, none));
}

int forbid_new_privileges(Request*) {
  return error_of(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

int install_seccomp(Request*) {
  return forbid_system_calls();
}

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGCHLD);
  return signals;
}

}  // namespace

const Step steps[steps_count] = {
    {pause_receive, receive_setup},
    {pause_cgroups, enter_cgroups},
    {pause_join_network, join_network},
    {pause_namespaces, make_namespaces},
    {pause_hostname, set_hostname},
    {pause_loopback, raise_loopback},
    {pause_sysctls, set_sysctls},
    {pause_root, change_root},
    {pause_bounding_set, empty_bounding_set},
    {pause_user, become_user},
    {pause_capabilities, drop_capabilities},
    {pause_no_new_privileges, forbid_new_privileges},
    {pause_seccomp, install_seccomp},
};

PauseReport set_up(Request* request) {
  request->item = 0;
  for (const Step& step : steps) {
    const int error = step.run(request);
    if (error != 0) return {pause_magic, step.step, error, request->item};
  }
  return {pause_magic, pause_step_count, 0, 0};
}

bool tell(const PauseReport& report) {
  PauseGo go{};
  const bool may_go = send(pause_control_fd, &report, sizeof report, MSG_NOSIGNAL) == sizeof report &&
                      recv(pause_control_fd, &go, sizeof go, 0) == sizeof go && go.magic == pause_magic;
  close(pause_control_fd);
  return may_go;
}

void block_signals() {
  const sigset_t signals = awaited_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
}

void wait_for_end() {
  const sigset_t signals = awaited_signals();
  for (;;) {
    const int signal_number = sigwaitinfo(&signals, nullptr);
    if (signal_number == SIGTERM || signal_number == SIGINT) return;
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

}  // namespace podsandbox::linux_runtime::pause
