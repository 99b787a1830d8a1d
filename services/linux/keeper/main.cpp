// The keeper: the parent of all pause processes. It outlives the daemon, so that the exit of a sandbox that
// dies while there is no daemon is not lost. It runs on an inherited listening socket (fd 3), and ends
// when nobody is connected and it has no child.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/linux/keeper/children.hpp"
#include "services/linux/keeper_protocol.hpp"

namespace podsandbox::linux_runtime::keeper {

namespace {

constexpr unsigned max_connections = 16;

// Descriptors that are not for children: the standard ones, our own, connections and what they pass. Without
// them we could not even refuse a connection.
constexpr unsigned reserved_fds = 64;

// What an epoll event is about: one of these, plus the number of the connection or slot.
constexpr uint64_t about_listener = 0ULL << 32;
constexpr uint64_t about_connection = 1ULL << 32;
constexpr uint64_t about_child = 2ULL << 32;
constexpr uint64_t about_mask = ~0ULL << 32;

int epoll = -1;
int connections[max_connections];  // -1: free
unsigned connected = 0;

bool watch(int fd, uint64_t about) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = about;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

// To be called before closing: a child that has not run its program yet has a copy, and a closed descriptor
// is only forgotten with its last copy.
void unwatch(int fd) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
}

void disconnect(unsigned index) {
  unwatch(connections[index]);
  close(connections[index]);
  connections[index] = -1;
  --connected;
}

bool is_same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

// Takes one connection off the listener; false when none was waiting.
bool accept_one() {
  const int fd = accept4(keeper_listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return false;
  for (unsigned i = 0; i < max_connections && is_same_user(fd); ++i) {
    if (connections[i] >= 0) continue;
    if (!watch(fd, about_connection | i)) break;
    connections[i] = fd;
    ++connected;
    return true;
  }
  close(fd);
  return true;
}

// A request with its descriptors, -1 where there is none.
struct Received {
  KeeperRequest request;
  int fds[keeper_fd_most];
};

unsigned expected_fds(const KeeperRequest& request) {
  if (request.op != keeper_spawn) return 0;
  unsigned count = keeper_fd_first_of_flags;
  if ((request.flags & keeper_in_user_namespace) != 0) ++count;
  if ((request.flags & keeper_into_cgroup) != 0) ++count;
  return count;
}

// Receives one packet. False unless it is a valid request; what came with it is to be closed all the same.
bool receive(int connection, Received* received) {
  for (int& fd : received->fds) fd = -1;
  KeeperRequest* request = &received->request;
  iovec data{request, sizeof *request};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof received->fds)];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_LEN(sizeof received->fds);  // the kernel drops what goes beyond
  const ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) return false;
  unsigned count = 0;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    count = static_cast<unsigned>((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(received->fds, CMSG_DATA(header), count * sizeof(int));
  }
  return size == sizeof *request && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
         request->magic == keeper_magic && request->version == keeper_version &&
         request->id[keeper_id_size - 1] == '\0' && (request->flags & ~keeper_all_flags) == 0 &&
         count == expected_fds(*request);
}

// Sends `reply` and a duplicate of `fd` unless that is -1. False when the client does not take it.
bool answer(int connection, const KeeperReply* reply, int fd) {
  iovec data{const_cast<KeeperReply*>(reply), sizeof *reply};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(int));
  }
  return sendmsg(connection, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof *reply;
}

int spawn_new(const Received* received, Child** child) {
  const KeeperRequest* request = &received->request;
  *child = find(request->id);
  if (*child != nullptr) return EEXIST;
  const int* fds = received->fds;
  const int* next = fds + keeper_fd_first_of_flags;
  const int user = (request->flags & keeper_in_user_namespace) != 0 ? *next++ : -1;
  const int cgroup = (request->flags & keeper_into_cgroup) != 0 ? *next : -1;
  const Order order{request->id,
                    (request->flags & keeper_host_pid) != 0,
                    fds[keeper_fd_control],
                    fds[keeper_fd_program],
                    user,
                    cgroup};
  const int error = spawn(order, child);
  // Should this fail, look and next still find out; only the time of death would be that of the question.
  if (error == 0) watch((*child)->pidfd, about_child | slot_of(*child));
  return error;
}

int reap_dead(const KeeperRequest* request, Child* child) {
  if (child == nullptr) return ENOENT;
  if (child->pid != request->pid) return ESRCH;
  note_if_dead(child);
  if (child->state != keeper_dead) return EBUSY;
  unwatch(child->pidfd);
  return reap(child);
}

void describe(Child* child, KeeperReply* reply) {
  note_if_dead(child);
  reply->state = child->state;
  reply->slot = slot_of(child);
  reply->pid = child->pid;
  reply->wait_status = child->wait_status;
  reply->created_ns = child->created_ns;
  reply->exited_ns = child->exited_ns;
  memcpy(reply->id, child->id, sizeof reply->id);
}

// Does what a valid request asks. False when it asks for nothing that we know.
bool obey(int connection, const Received* received) {
  const KeeperRequest* request = &received->request;
  KeeperReply reply{};
  reply.magic = keeper_magic;
  reply.version = keeper_version;
  reply.op = request->op;
  if (request->op != keeper_next && request->id[0] == '\0') return false;

  Child* child = nullptr;
  switch (request->op) {
    case keeper_spawn:
      reply.error = spawn_new(received, &child);
      break;
    case keeper_look:
      child = find(request->id);
      reply.error = child != nullptr ? 0 : ENOENT;
      break;
    case keeper_next:
      child = next(request->slot);
      reply.error = child != nullptr ? 0 : ENOENT;
      break;
    case keeper_reap:
      reply.error = reap_dead(request, find(request->id));
      break;
    default:
      return false;
  }
  if (child != nullptr) describe(child, &reply);
  return answer(connection, &reply, child != nullptr ? child->pidfd : -1);
}

void serve(unsigned index) {
  Received received{};
  const bool ok = receive(connections[index], &received) && obey(connections[index], &received);
  for (const int fd : received.fds) {
    if (fd >= 0) close(fd);
  }
  if (!ok) disconnect(index);
}

// A pidfd becomes readable once, when the child dies, and stays so.
void child_event(Child* child) {
  note_if_dead(child);
  if (child->state == keeper_dead) unwatch(child->pidfd);
}

void dispatch(uint64_t about) {
  const auto index = static_cast<unsigned>(about & ~about_mask);
  switch (about & about_mask) {
    case about_listener:
      accept_one();
      break;
    case about_connection:
      if (connections[index] >= 0) serve(index);
      break;
    case about_child:
      child_event(at(index));
      break;
  }
}

bool prepare() {
  // The host may shut down, the terminal go away, the daemon's service stop: what we know must not be lost.
  const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
  for (const int signal_number : ignored) signal(signal_number, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);  // were it inherited as ignored, the kernel would throw zombies away
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return false;
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur <= reserved_fds) return false;
  set_limit(files.rlim_cur - reserved_fds);
  for (int& connection : connections) connection = -1;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  return epoll >= 0 && chdir("/") == 0 && fcntl(keeper_listen_fd, F_SETFL, O_NONBLOCK) == 0 &&
         watch(keeper_listen_fd, about_listener);
}

// Serves until there is nobody to serve and nothing to keep.
int run() {
  if (!prepare()) return 1;
  for (;;) {
    // Whoever started us has connected before; a daemon that connects just now is not turned away either.
    if (connected == 0 && count() == 0 && !accept_one()) return 0;
    epoll_event events[32];
    const int ready = epoll_wait(epoll, events, 32, connected == 0 && count() == 0 ? 0 : -1);
    if (ready < 0 && errno != EINTR) return 1;
    for (int i = 0; i < ready; ++i) dispatch(events[i].data.u64);
  }
}

}  // namespace

}  // namespace podsandbox::linux_runtime::keeper

int main() {
  return podsandbox::linux_runtime::keeper::run();
}
