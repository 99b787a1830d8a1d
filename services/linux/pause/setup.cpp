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

namespace podsandbox::linux_runtime::pause {

namespace {

int error_of(long result) {
  return result < 0 ? errno : 0;
}

int receive_setup(Request* request) {
  request->netns = -1;
  iovec data{&request->setup, sizeof request->setup};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_LEN(sizeof(int));
  const ssize_t size = recvmsg(pause_control_fd, &message, MSG_CMSG_CLOEXEC);
  if (size < 0) return errno;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    memcpy(&request->netns, CMSG_DATA(header), sizeof(int));
  }
  const PauseSetup& setup = request->setup;
  const bool valid = size == sizeof setup && setup.magic == pause_magic &&
                     setup.network <= pause_network_host && setup.hostname[pause_hostname_size - 1] == '\0' &&
                     (request->netns >= 0) == (setup.network == pause_network_given);
  return valid ? 0 : EPROTO;
}

int make_namespaces(Request* request) {
  int flags = CLONE_NEWNS | CLONE_NEWIPC;
  if (request->setup.network != pause_network_host) flags |= CLONE_NEWUTS;
  if (request->setup.network == pause_network_own) flags |= CLONE_NEWNET;
  return error_of(unshare(flags));
}

int join_network(Request* request) {
  if (request->netns < 0) return 0;
  const int error = error_of(setns(request->netns, CLONE_NEWNET));
  close(request->netns);
  return error;
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

int drop_groups(Request*) {
  return error_of(setgroups(0, nullptr));
}

int drop_capabilities(Request*) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0) break;  // beyond the kernel's last
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno;
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return error_of(syscall(SYS_capset, &header, none));
}

int forbid_new_privileges(Request*) {
  return error_of(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
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
    {pause_namespaces, make_namespaces},
    {pause_join_network, join_network},
    {pause_hostname, set_hostname},
    {pause_loopback, raise_loopback},
    {pause_root, change_root},
    {pause_groups, drop_groups},
    {pause_capabilities, drop_capabilities},
    {pause_no_new_privileges, forbid_new_privileges},
};

PauseReport set_up(Request* request) {
  for (const Step& step : steps) {
    const int error = step.run(request);
    if (error != 0) return {pause_magic, step.step, error};
  }
  return {pause_magic, pause_step_count, 0};
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
