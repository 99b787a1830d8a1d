#include "services/linux/keeper/children.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "services/linux/pause_protocol.hpp"

namespace podsandbox::linux_runtime::keeper {

namespace {

// Never touched beyond the highest slot in use, so it costs no memory until it is needed.
Child table[max_children];
unsigned used = 0;
unsigned limit = max_children;
unsigned end = 0;  // no slot at or after this one is in use

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

Child* free_slot() {
  for (unsigned i = 0; i < limit; ++i) {
    if (table[i].state == keeper_none) return &table[i];
  }
  return nullptr;
}

void reset_signals() {
  for (int signal_number = 1; signal_number < _NSIG; ++signal_number) signal(signal_number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Tells the daemon of errno instead of the pause program.
[[noreturn]] void give_up() {
  const PauseReport report{pause_magic, pause_exec, errno, 0};
  send(pause_control_fd, &report, sizeof report, MSG_NOSIGNAL);
  _exit(127);
}

// Only the new process does so: whoever made it needed the ids that may write to its cgroup.
void become_root_of(const Order& order) {
  if (order.user < 0) return;
  if (syscall(SYS_setresgid, 0, 0, 0) != 0 || syscall(SYS_setresuid, 0, 0, 0) != 0) give_up();
}

// The new process. Of its descriptors only 0, 1, 2 (which are /dev/null) and 3 outlive the exec.
[[noreturn]] void run_program(const Order& order) {
  setsid();
  dup2(order.control, pause_control_fd);  // never equal: our own fd 3 is the listener
  syscall(SYS_close_range, pause_control_fd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  reset_signals();
  become_root_of(order);
  const char* argv[] = {"podsandbox-pause", order.id, nullptr};
  const char* envp[] = {nullptr};
  syscall(SYS_execveat, order.program, "", argv, envp, AT_EMPTY_PATH);
  give_up();
}

// A process on its way: what it is made from, and what came of it.
struct Birth {
  const Order* order;
  int error;
  int pid;
  int pidfd;
};

void give_birth(Birth* birth, uint64_t flags) {
  const Order& order = *birth->order;
  clone_args args{};
  args.flags = flags | CLONE_PIDFD | (order.host_pid ? 0 : CLONE_NEWPID);
  if (order.cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(order.cgroup);
  }
  args.pidfd = reinterpret_cast<uintptr_t>(&birth->pidfd);
  args.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;  // else that of the one who makes it
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) run_program(order);
  birth->pid = static_cast<int>(pid);
  birth->error = pid < 0 ? errno : 0;
}

// In a process that shares our memory and our descriptors, but not our identity: it enters the user namespace
// and makes the new process there, as our child.
int become_midwife(void* argument) {
  auto* birth = static_cast<Birth*>(argument);
  if (setns(birth->order->user, CLONE_NEWUSER) != 0) {
    birth->error = errno;
  } else {
    give_birth(birth, CLONE_PARENT);
  }
  return 0;
}

// A process cannot leave a user namespace, so another one goes there. We stand still until it has ended.
void give_birth_in_user_namespace(Birth* birth) {
  alignas(16) static char stack[16384];
  const int midwife =
      clone(become_midwife, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, birth);
  if (midwife < 0) {
    birth->error = errno;
    return;
  }
  while (waitpid(midwife, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

void set_limit(unsigned long most) {
  limit = most < max_children ? static_cast<unsigned>(most) : max_children;
}

unsigned count() {
  return used;
}

Child* find(const char* id) {
  for (unsigned i = 0; i < end; ++i) {
    if (table[i].state != keeper_none && strcmp(table[i].id, id) == 0) return &table[i];
  }
  return nullptr;
}

Child* next(unsigned slot) {
  for (unsigned i = slot; i < end; ++i) {
    if (table[i].state != keeper_none) return &table[i];
  }
  return nullptr;
}

unsigned slot_of(const Child* child) {
  return static_cast<unsigned>(child - table);
}

Child* at(unsigned slot) {
  return &table[slot];
}

int spawn(const Order& order, Child** made) {
  Child* child = free_slot();
  if (child == nullptr) return ENOSPC;
  Birth birth{&order, 0, -1, -1};
  if (order.user >= 0) {
    give_birth_in_user_namespace(&birth);
  } else {
    give_birth(&birth, 0);
  }
  if (birth.error != 0) return birth.error;

  child->state = keeper_running;
  child->pid = birth.pid;
  child->pidfd = birth.pidfd;
  child->wait_status = 0;
  child->created_ns = now_ns();
  child->exited_ns = 0;
  memcpy(child->id, order.id, strlen(order.id) + 1);
  ++used;
  if (slot_of(child) >= end) end = slot_of(child) + 1;
  *made = child;
  return 0;
}

void note_if_dead(Child* child) {
  if (child->state != keeper_running) return;
  siginfo_t info{};
  // The zombie, and so the truth, stays until the daemon has recorded it.
  if (waitid(P_PIDFD, static_cast<id_t>(child->pidfd), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return;
  if (info.si_pid == 0) return;
  child->state = keeper_dead;
  child->exited_ns = now_ns();
  if (info.si_code == CLD_EXITED) {
    child->wait_status = (info.si_status & 0xff) << 8;
  } else {
    child->wait_status = (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
  }
}

int reap(Child* child) {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(child->pidfd), &info, WEXITED | WNOHANG) != 0) return errno;
  close(child->pidfd);
  child->state = keeper_none;
  --used;
  while (end > 0 && table[end - 1].state == keeper_none) --end;
  return 0;
}

}  // namespace podsandbox::linux_runtime::keeper
