#include "services/oci/default_seccomp.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace podsandbox::oci {

namespace {

using nlohmann::json;

// Names are told apart by single blanks.
constexpr std::string_view always =
    "accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 "
    "clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
    "clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 "
    "dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
    "epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 "
    "fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat "
    "fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 "
    "fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 "
    "futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 "
    "geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp "
    "getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit "
    "get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday "
    "getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel "
    "ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup "
    "io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown "
    "lchown32 lgetxattr link linkat listen listxattr llistxattr _llseek lremovexattr lseek lsetxattr "
    "lstat lstat64 madvise membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat "
    "mlock mlock2 mlockall map_shadow_stack mmap mmap2 mprotect mq_getsetattr mq_notify mq_open "
    "mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap msgctl "
    "msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat "
    "_newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free "
    "pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease "
    "pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv "
    "recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 "
    "restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity "
    "sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler "
    "sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
    "sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 "
    "send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid "
    "setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid "
    "setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt "
    "set_thread_area set_tid_address setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown "
    "sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 "
    "statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time "
    "timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
    "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
    "timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat utime "
    "utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev";

struct Architecture {
  std::string_view name;      ///< Go's
  std::string_view seccomp;   ///< libseccomp's names, for all that its kernel can run
  std::string_view syscalls;  ///< that only it has
};

constexpr auto architectures = std::to_array<Architecture>({
    {"amd64", "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32", "arch_prctl modify_ldt"},
    {"arm64", "SCMP_ARCH_ARM SCMP_ARCH_AARCH64",
     "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"},
    {"loong64", "SCMP_ARCH_LOONGARCH64", ""},
    {"ppc64le", "", "sync_file_range2 swapcontext"},
    {"riscv64", "SCMP_ARCH_RISCV64", "riscv_flush_icache"},
    {"s390x", "SCMP_ARCH_S390 SCMP_ARCH_S390X", "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"},
});

constexpr std::uint64_t af_alg = 38;
constexpr std::uint64_t af_vsock = 40;
constexpr std::uint64_t new_namespaces = 0x7e020000;  // CLONE_NEWNS, UTS, IPC, USER, PID, NET and CGROUP
constexpr int enosys = 38;

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    all.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

json allow(std::string_view names) {
  return {{"names", words(names)}, {"action", "SCMP_ACT_ALLOW"}};
}

json allow_if(std::string_view name, unsigned argument, const char* comparison, std::uint64_t value) {
  json rule = allow(name);
  rule["args"] = json::array({{{"index", argument}, {"op", comparison}, {"value", value}}});
  return rule;
}

const Architecture& find_architecture(std::string_view name) {
  static constexpr Architecture other{};
  for (const Architecture& one : architectures) {
    if (one.name == name) return one;
  }
  return other;
}

// Sockets of all families but two. AF_ALG is refused by containerd's later releases only (2.2.4, 2.3.1): it
// reaches much of the kernel, and pause needs no socket at all.
void add_sockets(json& rules) {
  rules.push_back(allow_if("socket", 0, "SCMP_CMP_LT", af_alg));
  rules.push_back(allow_if("socket", 0, "SCMP_CMP_EQ", af_alg + 1));
  rules.push_back(allow_if("socket", 0, "SCMP_CMP_GT", af_vsock));
}

// Without CAP_SYS_ADMIN no namespace may be made. clone3's flags are in memory, which a filter cannot look
// at: who is told that there is no such call takes clone.
void add_clones(json& rules, std::string_view architecture) {
  const unsigned flags = architecture == "s390x" ? 1 : 0;
  rules.push_back(allow_if("clone", flags, "SCMP_CMP_MASKED_EQ", new_namespaces));
  rules.push_back({{"names", words("clone3")}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", enosys}});
}

}  // namespace

json default_seccomp(std::string_view architecture) {
  const Architecture& here = find_architecture(architecture);
  json rules = json::array({allow(always)});
  add_sockets(rules);
  for (const std::uint64_t domain : {0x0U, 0x8U, 0x20000U, 0x20008U, 0xffffffffU}) {
    rules.push_back(allow_if("personality", 0, "SCMP_CMP_EQ", domain));
  }
  rules.push_back(allow("process_vm_readv process_vm_writev ptrace"));  // not with kernels before 4.8
  if (!here.syscalls.empty()) rules.push_back(allow(here.syscalls));
  rules.push_back(allow("chroot"));  // by CAP_SYS_CHROOT; no other capability of pause's allows anything
  add_clones(rules, architecture);
  json filter{{"defaultAction", "SCMP_ACT_ERRNO"}, {"syscalls", std::move(rules)}};
  if (!here.seccomp.empty()) filter["architectures"] = words(here.seccomp);
  return filter;
}

}  // namespace podsandbox::oci
