#include "services/linux/keeper_client.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/host/system_error.hpp"
#include "services/linux/keeper_launch.hpp"
#include "services/linux/packet.hpp"

namespace podsandbox::linux_runtime {

namespace {

// Unanswered requests at a time: few enough for the answers to fit into a socket's buffer.
constexpr std::size_t window = 32;

constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{1000};

KeeperRequest make_request(KeeperOp op, const std::string& id) {
  KeeperRequest request{};
  request.magic = keeper_magic;
  request.version = keeper_version;
  request.op = op;
  std::memcpy(request.id, id.data(), std::min<std::size_t>(id.size(), keeper_id_size - 1));
  return request;
}

}  // namespace

KeeperClient::KeeperClient(host::Loop& loop, Settings settings, Events events)
    : loop_(loop),
      settings_(std::move(settings)),
      events_(std::move(events)),
      last_error_{ErrorKind::unavailable, "the keeper is not connected yet"} {}

KeeperClient::~KeeperClient() {
  if (connection_watch_) loop_.unwatch(*connection_watch_);
  if (trouble_watch_) loop_.unwatch(*trouble_watch_);
  if (deadline_) loop_.cancel(*deadline_);
  if (retry_) loop_.cancel(*retry_);
}

void KeeperClient::connect() {
  auto connection = connect_keeper(settings_);
  if (!connection) return retry_later(connection.error());
  if (*connection) return use(std::move(*connection));
  auto launched = launch_keeper(settings_);
  if (!launched) return retry_later(launched.error());
  watch_trouble(std::move(launched->trouble));
  use(std::move(launched->connection));
}

void KeeperClient::use(host::UniqueFd connection) {
  connection_ = std::move(connection);
  connection_watch_ = loop_.watch(connection_.get(), [this] { receive(); });
  if (!connection_watch_) return lose(host::because("watching its connection"));
  events_.connected();
}

void KeeperClient::watch_trouble(host::UniqueFd trouble) {
  if (trouble_watch_) loop_.unwatch(*std::exchange(trouble_watch_, std::nullopt));
  trouble_ = std::move(trouble);
  trouble_watch_ = loop_.watch(trouble_.get(), [this] {
    loop_.unwatch(*std::exchange(trouble_watch_, std::nullopt));
    exec_error_ = read_exec_error();
    if (exec_error_ && connection_) lose({});
  });
}

std::optional<int> KeeperClient::read_exec_error() {
  int error = 0;
  if (!trouble_ || read(trouble_.get(), &error, sizeof error) != sizeof error) return std::nullopt;
  return error;
}

void KeeperClient::forget_calls() {
  sent_.clear();
  waiting_.clear();
}

void KeeperClient::spawn(const std::string& id, SpawnOrder order, Callback callback) {
  KeeperRequest request = make_request(keeper_spawn, id);
  if (order.host_pid) request.flags |= keeper_host_pid;
  if (order.user) request.flags |= keeper_in_user_namespace;
  if (order.cgroup) request.flags |= keeper_into_cgroup;
  std::vector<host::UniqueFd> attached;
  attached.push_back(std::move(order.control));
  attached.push_back(std::move(order.program));
  if (order.user) attached.push_back(std::move(order.user));
  if (order.cgroup) attached.push_back(std::move(order.cgroup));
  call(request, std::move(attached), std::move(callback));
}

void KeeperClient::look(const std::string& id, Callback callback) {
  call(make_request(keeper_look, id), {}, std::move(callback));
}

void KeeperClient::next(unsigned slot, Callback callback) {
  KeeperRequest request = make_request(keeper_next, {});
  request.slot = slot;
  call(request, {}, std::move(callback));
}

void KeeperClient::reap(const std::string& id, int pid, Callback callback) {
  KeeperRequest request = make_request(keeper_reap, id);
  request.pid = pid;
  call(request, {}, std::move(callback));
}

void KeeperClient::call(KeeperRequest request, std::vector<host::UniqueFd> attached, Callback callback) {
  if (!connection_) return callback(tl::unexpected(last_error_));
  waiting_.push_back({request, std::move(attached), std::move(callback)});
  send_waiting();
}

void KeeperClient::send_waiting() {
  while (!waiting_.empty() && sent_.size() < window) {
    Call& first = waiting_.front();
    std::vector<int> fds;
    for (const host::UniqueFd& fd : first.attached) fds.push_back(fd.get());
    const int error = send_packet(connection_.get(), &first.request, sizeof first.request, fds);
    if (error != 0) return lose(host::because("sending a request", error));
    first.attached.clear();
    sent_.push_back(std::move(first));
    waiting_.pop_front();
  }
  arm_deadline();
}

void KeeperClient::receive() {
  KeeperAnswer answer;
  Received received = receive_packet(connection_.get(), &answer.reply, sizeof answer.reply);
  if (received.error == EAGAIN) return;
  if (received.error == EPIPE) return lose("it has ended, or closed the connection");
  if (received.error != 0) return lose(host::because("receiving an answer", received.error));
  const KeeperReply& reply = answer.reply;
  if (sent_.empty() || reply.magic != keeper_magic || reply.version != keeper_version ||
      reply.op != sent_.front().request.op || reply.id[keeper_id_size - 1] != '\0') {
    return lose("it does not speak our protocol");
  }
  answer.pidfd = std::move(received.fd);
  pause_ = {};
  Call call = std::move(sent_.front());
  sent_.pop_front();
  disarm_deadline();
  arm_deadline();
  call.callback(std::move(answer));
  if (connection_) send_waiting();
}

// One timer: for the oldest unanswered request, from when it became the oldest.
void KeeperClient::arm_deadline() {
  if (deadline_ || sent_.empty()) return;
  deadline_ = loop_.after(settings_.deadline, [this] {
    deadline_.reset();
    lose("it has not answered in time");
  });
}

void KeeperClient::disarm_deadline() {
  if (deadline_) loop_.cancel(*std::exchange(deadline_, std::nullopt));
}

void KeeperClient::lose(const std::string& why) {
  if (connection_watch_) loop_.unwatch(*std::exchange(connection_watch_, std::nullopt));
  disarm_deadline();
  connection_.reset();
  // If it never ran, that is why; and it says so before it goes.
  if (!exec_error_) exec_error_ = read_exec_error();
  const std::string running = "running " + settings_.keeper_program.string();
  const Error error{ErrorKind::unavailable,
                    "the keeper: " + (exec_error_ ? host::because(running, *exec_error_) : why)};
  exec_error_.reset();
  const auto sent = std::exchange(sent_, {});
  const auto waiting = std::exchange(waiting_, {});
  retry_later(error);
  for (const Call& call : sent) call.callback(tl::unexpected(error));
  for (const Call& call : waiting) call.callback(tl::unexpected(error));
}

void KeeperClient::retry_later(const Error& error) {
  last_error_ = error;
  // At once the first time: one that has answered until now is only to be replaced.
  const auto delay = std::exchange(pause_, std::clamp(pause_ * 2, first_pause, longest_pause));
  retry_ = loop_.after(delay, [this] {
    retry_.reset();
    connect();
  });
  events_.failed(error);
}

}  // namespace podsandbox::linux_runtime
