// podsandbox-bench-bare: starts pause processes with nothing around it that could be left out, as the floor
// for what a runtime's start takes. It clones as the keeper does, and each process makes the rest of its
// namespaces itself, as every pause does: the same work of the kernel, and no daemon.
//
// None is told to stay, so each ends with its control socket: nothing outlives this program.

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "services/linux/pause_protocol.hpp"
#include "test/bench/bare_protocol.hpp"

namespace podsandbox::bench {

namespace {

using namespace linux_runtime;

constexpr int requests_fd = 0;
constexpr unsigned most_children = 900;  // one descriptor each, of the usual 1024

struct Child {
  int pid;
  int control;
};

Child children[most_children];
unsigned count = 0;
int pause_program = -1;

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

[[noreturn]] void run_pause(int control) {
  setsid();  // like a keeper's child: the kernel may schedule each session as a group
  dup2(control, pause_control_fd);
  const char* argv[] = {"podsandbox-pause", "bench", nullptr};
  const char* envp[] = {nullptr};
  syscall(SYS_execveat, pause_program, "", argv, envp, AT_EMPTY_PATH);
  _exit(127);
}

int start_one() {
  if (count == most_children) return ENOSPC;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return errno;
  PauseSetup setup{};
  setup.magic = pause_magic;
  setup.network = pause_network_own;
  memcpy(setup.hostname, "pod", sizeof "pod");
  if (send(ends[0], &setup, sizeof setup, MSG_NOSIGNAL) != sizeof setup) return errno;
  clone_args args{};
  args.flags = CLONE_NEWPID;
  args.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return errno;
  if (pid == 0) run_pause(ends[1]);
  close(ends[1]);
  children[count++] = {static_cast<int>(pid), ends[0]};
  return 0;
}

// Notes the time for every child from `first` on whose report has come. `left` counts the others down.
int collect(unsigned first, int64_t began, BareReply* reply, int timeout, unsigned* left) {
  pollfd waiting[bare_most_at_once];
  for (unsigned i = first; i < count; ++i) {
    const bool reported = reply->took_ns[i - first] != 0;
    waiting[i - first] = {reported ? -1 : children[i].control, POLLIN, 0};
  }
  if (poll(waiting, count - first, timeout) < 0) return errno;
  const int64_t took = now_ns() - began;
  for (unsigned i = 0; i < count - first; ++i) {
    if (waiting[i].revents == 0) continue;
    PauseReport report{};
    if (recv(waiting[i].fd, &report, sizeof report, 0) != sizeof report) return EPROTO;
    if (report.error != 0) return report.error;
    reply->took_ns[i] = took;
    --*left;
  }
  return 0;
}

int start(unsigned wanted, BareReply* reply) {
  const unsigned first = count;
  const int64_t began = now_ns();
  unsigned left = wanted;
  int error = 0;
  for (unsigned i = 0; i < wanted && error == 0; ++i) {
    error = start_one();
    // Who is ready while others are still being made must not wait for its time to be taken.
    if (error == 0 && wanted > 1) error = collect(first, began, reply, 0, &left);
  }
  while (left > 0 && error == 0) error = collect(first, began, reply, -1, &left);
  return error;
}

int end_all() {
  for (unsigned i = 0; i < count; ++i) close(children[i].control);
  for (unsigned i = 0; i < count; ++i) {
    if (waitpid(children[i].pid, nullptr, 0) < 0) return errno;
  }
  count = 0;
  return 0;
}

// None of our descriptors is for a child, and 3, which is, is kept out of use.
bool prepare(const char* program) {
  const int opened = open(program, O_RDONLY | O_CLOEXEC);
  pause_program = fcntl(opened, F_DUPFD_CLOEXEC, pause_control_fd + 1);
  return pause_program >= 0 && dup2(opened, pause_control_fd) == pause_control_fd &&
         fcntl(requests_fd, F_SETFD, FD_CLOEXEC) == 0;
}

int run() {
  BareRequest request{};
  while (recv(requests_fd, &request, sizeof request, 0) == sizeof request) {
    if (request.count > bare_most_at_once) return 1;
    BareReply reply{};
    reply.error = request.count == 0 ? end_all() : start(request.count, &reply);
    if (send(requests_fd, &reply, sizeof reply, MSG_NOSIGNAL) != sizeof reply) break;
  }
  return end_all();
}

}  // namespace

}  // namespace podsandbox::bench

int main(int argc, char** argv) {
  return argc == 2 && podsandbox::bench::prepare(argv[1]) ? podsandbox::bench::run() : 2;
}
