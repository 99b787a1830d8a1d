#include "services/linux/pause/seccomp.hpp"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace podsandbox::linux_runtime::pause {

namespace {

#if defined(__x86_64__)
constexpr unsigned architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned architecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr unsigned architecture = AUDIT_ARCH_RISCV64;
#elif defined(__s390x__)
constexpr unsigned architecture = AUDIT_ARCH_S390X;
#else
#error "say which architecture the kernel's seccomp calls this one"
#endif

// x32 calls carry this bit in their number, under the architecture's own name: they match nothing below.
constexpr unsigned allowed[] = {SYS_rt_sigtimedwait, SYS_wait4, SYS_rt_sigreturn, SYS_restart_syscall,
                                SYS_exit_group, SYS_exit,
                                // to tell the daemon, and to hear from it
                                SYS_sendto, SYS_recvfrom, SYS_close};
constexpr unsigned allowed_count = sizeof allowed / sizeof allowed[0];

constexpr unsigned refuse = SECCOMP_RET_ERRNO | EPERM;

}  // namespace

int forbid_system_calls() {
  sock_filter program[allowed_count + 6];
  unsigned at = 0;
  program[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  program[at++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0);
  program[at++] = BPF_STMT(BPF_RET | BPF_K, refuse);
  program[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (unsigned i = 0; i < allowed_count; ++i) {
    const auto to_allow = static_cast<unsigned char>(allowed_count - i);
    program[at++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], to_allow, 0);
  }
  program[at++] = BPF_STMT(BPF_RET | BPF_K, refuse);
  program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog filter{static_cast<unsigned short>(at), program};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0 ? 0 : errno;
}

}  // namespace podsandbox::linux_runtime::pause
