#include "test/linux/raw_keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <stdexcept>

#include "services/linux/keeper_launch.hpp"
#include "services/linux/packet.hpp"

namespace podsandbox::test {

using host::UniqueFd;
using linux_runtime::KeeperAnswer;
using linux_runtime::KeeperRequest;

namespace {

void wait_readable(int fd) {
  constexpr int patience_ms = 20'000;
  pollfd waited{fd, POLLIN, 0};
  if (poll(&waited, 1, patience_ms) != 1) throw std::runtime_error("nothing came");
}

}  // namespace

RawKeeper::RawKeeper(const linux_runtime::Settings& settings) : settings_(settings) {
  auto launched = linux_runtime::launch_keeper(settings);
  if (!launched) throw std::runtime_error(launched.error().message);
  connection_ = std::move(launched->connection);
  program_.reset(open(settings.pause_program.c_str(), O_RDONLY | O_CLOEXEC));
}

UniqueFd RawKeeper::connect() const {
  auto connection = linux_runtime::connect_keeper(settings_);
  if (!connection || !*connection) throw std::runtime_error("no keeper listens");
  return std::move(*connection);
}

bool RawKeeper::send(int connection, const void* data, std::size_t size, const std::vector<int>& fds) {
  return linux_runtime::send_packet(connection, data, size, fds) == 0;
}

std::optional<KeeperAnswer> RawKeeper::receive(int connection) {
  wait_readable(connection);
  KeeperAnswer answer;
  auto received = linux_runtime::receive_packet(connection, &answer.reply, sizeof answer.reply);
  if (received.error != 0) return std::nullopt;
  answer.pidfd = std::move(received.fd);
  return answer;
}

KeeperRequest RawKeeper::request(std::uint32_t op, const std::string& id) {
  KeeperRequest request{};
  request.magic = linux_runtime::keeper_magic;
  request.version = linux_runtime::keeper_version;
  request.op = op;
  std::memcpy(request.id, id.data(), id.size());
  return request;
}

std::optional<KeeperAnswer> RawKeeper::ask(const KeeperRequest& request, const std::vector<int>& fds) const {
  if (!send(connection_.get(), &request, sizeof request, fds)) return std::nullopt;
  return receive(connection_.get());
}

std::optional<KeeperAnswer> RawKeeper::look(const std::string& id) const {
  return ask(request(linux_runtime::keeper_look, id));
}

std::optional<KeeperAnswer> RawKeeper::reap(const std::string& id, int pid) const {
  KeeperRequest reap = request(linux_runtime::keeper_reap, id);
  reap.pid = pid;
  return ask(reap);
}

std::optional<KeeperAnswer> RawKeeper::spawn_with(const std::string& id, const std::string& order, int user,
                                                  int cgroup) const {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
  const UniqueFd ours(ends[0]);
  UniqueFd childs(ends[1]);
  linux_runtime::PauseSetup setup{};
  setup.magic = linux_runtime::pause_magic;
  std::memcpy(setup.hostname, order.data(), order.size());
  send(ours.get(), &setup, sizeof setup);
  KeeperRequest spawn = request(linux_runtime::keeper_spawn, id);
  std::vector<int> fds{childs.get(), program_.get()};
  if (user >= 0) {
    spawn.flags |= linux_runtime::keeper_in_user_namespace;
    fds.push_back(user);
  }
  if (cgroup >= 0) {
    spawn.flags |= linux_runtime::keeper_into_cgroup;
    fds.push_back(cgroup);
  }
  auto answer = ask(spawn, fds);
  childs.reset();
  if (!answer || answer->reply.error != 0) return answer;
  wait_readable(ours.get());
  linux_runtime::PauseReport report{};
  if (linux_runtime::receive_packet(ours.get(), &report, sizeof report).error != 0 || report.error != 0) {
    return std::nullopt;
  }
  const linux_runtime::PauseGo go{linux_runtime::pause_magic};
  send(ours.get(), &go, sizeof go);
  return answer;
}

}  // namespace podsandbox::test
