#include "services/linux/keeper/children.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
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

// The new process. Of its descriptors only 0, 1, 2 (which are /dev/null) and 3 outlive the exec.
[[noreturn]] void run_pause(const char* id, int control) {
  setsid();
  dup2(control, pause_control_fd);  // never equal: our own fd 3 is the listener
  syscall(SYS_close_range, pause_control_fd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  reset_signals();
  const char* argv[] = {"podsandbox-pause", id, nullptr};
  const char* envp[] = {nullptr};
  syscall(SYS_execveat, keeper_pause_fd, "", argv, envp, AT_EMPTY_PATH);
  const PauseReport report{pause_magic, pause_exec, errno};
  send(pause_control_fd, &report, sizeof report, MSG_NOSIGNAL);
  _exit(127);
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

int spawn(const char* id, int control, Child** made) {
  Child* child = free_slot();
  if (child == nullptr) return ENOSPC;
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_NEWPID;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return errno;
  if (pid == 0) run_pause(id, control);

  child->state = keeper_running;
  child->pid = static_cast<int>(pid);
  child->pidfd = pidfd;
  child->wait_status = 0;
  child->created_ns = now_ns();
  child->exited_ns = 0;
  memcpy(child->id, id, strlen(id) + 1);
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
