#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstring>
#include <fstream>
#include <vector>

#include "services/linux/keeper_launch.hpp"
#include "test/linux/keeper_fixture.hpp"

/// Clients of the keeper that send nonsense, too much, or nothing, and limits that are reached.
namespace podsandbox::test {

using namespace linux_runtime;

BOOST_FIXTURE_TEST_SUITE(keeper_hostile, Keeper)

// Anything but a request closes the connection, and does nothing else.
BOOST_AUTO_TEST_CASE(hostile_messages) {
  keep_one();
  const auto refused = [&](const void* data, std::size_t size, std::optional<int> fd = {}) {
    keeper.reconnect();
    RawKeeper::send(keeper.connection(), data, size, fd ? std::vector<int>{*fd} : std::vector<int>{});
    BOOST_TEST(!RawKeeper::receive(keeper.connection()).has_value());
    expect_unharmed();
  };
  const KeeperRequest good = RawKeeper::request(keeper_look, "kept");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, sizeof good - 1}) refused(&good, size);
  std::array<char, 4096> big{};
  std::memcpy(big.data(), &good, sizeof good);
  for (const std::size_t size : {sizeof good + 1, big.size()}) refused(big.data(), size);
  const auto with = [&](auto change) {
    KeeperRequest bad = good;
    change(bad);
    refused(&bad, sizeof bad);
  };
  with([](auto& bad) { bad.magic = 0; });
  with([](auto& bad) { bad.version = 99; });
  with([](auto& bad) { bad.op = 0; });
  with([](auto& bad) { bad.op = 77; });
  with([](auto& bad) { bad.op = keeper_spawn; });  // without its descriptor
  with([](auto& bad) { bad.id[0] = '\0'; });
  with([](auto& bad) { std::memset(bad.id, 'x', sizeof bad.id); });
  with([](auto& bad) { bad.flags = ~0U; });
  refused(&good, sizeof good, STDIN_FILENO);  // a descriptor that does not belong there
  const KeeperRequest spawn = RawKeeper::request(keeper_spawn, "two");
  refused(&spawn, sizeof spawn, STDIN_FILENO);  // one of two
  for (const unsigned flags :
       {0U + keeper_in_user_namespace, 0U + keeper_into_cgroup, 0U + keeper_all_flags}) {
    KeeperRequest flagged = spawn;
    flagged.flags = flags;
    keeper.reconnect();
    RawKeeper::send(keeper.connection(), &flagged, sizeof flagged, {STDIN_FILENO, STDIN_FILENO});
    BOOST_TEST(!RawKeeper::receive(keeper.connection()).has_value());
    expect_unharmed();
  }
  BOOST_TEST(keeper.look("two")->reply.error == ENOENT);
}

// More descriptors than one: refused, and none of them stays open.
BOOST_AUTO_TEST_CASE(too_many_descriptors) {
  keep_one();
  KeeperRequest spawn = RawKeeper::request(keeper_spawn, "two");
  constexpr int many = 250;
  std::vector<int> fds(many, STDIN_FILENO);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(many * sizeof(int))> control{};
  iovec part{&spawn, sizeof spawn};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(many * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), many * sizeof(int));
  keeper.reconnect();
  BOOST_TEST(sendmsg(keeper.connection(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof spawn));
  BOOST_TEST(!RawKeeper::receive(keeper.connection()).has_value());
  expect_unharmed();
  BOOST_TEST(keeper.look("two")->reply.error == ENOENT);
}

// A client that does not take its answers is let go; others do not notice.
BOOST_AUTO_TEST_CASE(client_that_does_not_read) {
  keep_one();
  auto deaf = keeper.connect();
  const KeeperRequest look = RawKeeper::request(keeper_look, "kept");
  BOOST_TEST(eventually([&] {
    const int error = send(deaf.get(), &look, sizeof look, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
    return error == EPIPE || error == ECONNRESET;
  }));
  deaf.reset();
  expect_unharmed();
}

// Clients come and go while children are being made, which for a moment hold copies of all that the keeper
// has open: none of them suffers for another.
BOOST_AUTO_TEST_CASE(clients_that_come_and_go) {
  keep_one();
  for (int i = 0; i < 300; ++i) {
    const std::string id = "child-" + std::to_string(i);
    int ends[2];
    BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    const host::UniqueFd ours(ends[0]), childs(ends[1]);
    const KeeperRequest spawn = RawKeeper::request(keeper_spawn, id);
    BOOST_TEST(RawKeeper::send(keeper.connection(), &spawn, sizeof spawn, {childs.get(), keeper.program()}));
    keeper.disconnect();
    keeper.reconnect();
    for (int j = 0; j < 5; ++j) BOOST_TEST_REQUIRE(keeper.look("kept").has_value());
  }
}

// There is room for a few connections; one too many is closed at once.
BOOST_AUTO_TEST_CASE(too_many_connections) {
  keep_one();
  std::vector<host::UniqueFd> others;
  for (int i = 0; i < 15; ++i) {
    others.push_back(keeper.connect());
    const KeeperRequest look = RawKeeper::request(keeper_look, "kept");
    BOOST_TEST(RawKeeper::send(others.back().get(), &look, sizeof look));
    BOOST_TEST(RawKeeper::receive(others.back().get()).has_value());
  }
  const auto too_many = keeper.connect();
  BOOST_TEST(!RawKeeper::receive(too_many.get()).has_value());
  others.clear();
  expect_unharmed();
}

// Only its own user may speak to it.
BOOST_AUTO_TEST_CASE(other_users) {
  keep_one();
  const auto socket = keeper_socket(home.settings());
  BOOST_REQUIRE(chmod(home.path().c_str(), 0755) == 0);
  BOOST_REQUIRE(chmod(home.settings().state_dir.c_str(), 0755) == 0);
  BOOST_REQUIRE(chmod(socket.c_str(), 0666) == 0);
  const Settings settings = home.settings();
  const pid_t stranger = fork();
  if (stranger == 0) {
    constexpr uid_t nobody = 65534;
    if (setresuid(nobody, nobody, nobody) != 0) _exit(1);
    auto connection = connect_keeper(settings);
    if (!connection || !*connection) _exit(2);
    const KeeperRequest look = RawKeeper::request(keeper_look, "kept");
    RawKeeper::send(connection->get(), &look, sizeof look);
    _exit(RawKeeper::receive(connection->get()) ? 3 : 0);
  }
  int status = -1;
  BOOST_TEST(waitpid(stranger, &status, 0) == stranger);
  BOOST_TEST(status == 0);
  expect_unharmed();
}

// A full table (here because it may not have more descriptors) refuses another child, and takes it when one
// has gone.
BOOST_AUTO_TEST_CASE(full_table) {
  const RuntimeHome small;
  std::filesystem::create_directory(small.settings().state_dir);
  const pid_t daemon = fork();
  if (daemon == 0) {
    constexpr rlimit few{80, 80};  // 64 of them are for other things
    setrlimit(RLIMIT_NOFILE, &few);
    const RawKeeper keeper(small.settings());
    int last = -1;
    for (int i = 0; i < 16; ++i) {
      const auto made = keeper.spawn("child-" + std::to_string(i));
      if (!made || made->reply.error != 0) _exit(1);
      last = made->reply.pid;
    }
    if (keeper.spawn("child-16")->reply.error != ENOSPC) _exit(2);
    kill_hard(last);
    eventually([&] { return keeper.look("child-15")->reply.state == keeper_dead; });
    if (keeper.reap("child-15", last)->reply.error != 0) _exit(3);
    _exit(keeper.spawn("child-16")->reply.error == 0 ? 0 : 4);
  }
  int status = -1;
  BOOST_TEST(waitpid(daemon, &status, 0) == daemon);
  BOOST_TEST(status == 0);
}

// It is tiny, also with many children.
BOOST_AUTO_TEST_CASE(memory) {
  for (int i = 0; i < 200; ++i) BOOST_TEST_REQUIRE(keeper.spawn("child-" + std::to_string(i)).has_value());
  std::ifstream status("/proc/" + std::to_string(pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS")) BOOST_TEST_MESSAGE("keeper of 200 " << line);
    if (line.starts_with("VmRSS")) BOOST_TEST(std::stoi(line.substr(6)) < 300);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
