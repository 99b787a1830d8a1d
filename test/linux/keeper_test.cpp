#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include "services/linux/cgroup.hpp"
#include "services/linux/keeper_launch.hpp"
#include "services/linux/process_facts.hpp"
#include "services/linux/user_namespace.hpp"
#include "test/linux/eventually.hpp"
#include "test/linux/raw_keeper.hpp"
#include "test/linux/runtime_home.hpp"

namespace podsandbox::test {

namespace {

using namespace linux_runtime;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::size_t open_files(int pid) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& fd :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    ++count;
  }
  return count;
}

// Where version 2 of cgroups is mounted, with controllers or without; empty: nowhere.
std::filesystem::path unified_hierarchy() {
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line; std::getline(mountinfo, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    const auto found = parse_cgroup_mounts(line);
    return found.paths.empty() ? std::filesystem::path() : found.paths.front();
  }
  return {};
}

// A cgroup of version 2, opened.
struct UnifiedCgroup {
  UnifiedCgroup()
      : path(unified_hierarchy() / ("podsandbox-test-" + std::to_string(getpid()))),
        made(std::filesystem::create_directory(path)),
        directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  ~UnifiedCgroup() { std::filesystem::remove(path); }
  UnifiedCgroup(const UnifiedCgroup&) = delete;
  UnifiedCgroup& operator=(const UnifiedCgroup&) = delete;

  std::string processes() const {
    std::ifstream stream(path / "cgroup.procs");
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  std::filesystem::path path;
  bool made;
  UniqueFd directory;
};

boost::test_tools::assertion_result has_unified_cgroups(boost::unit_test::test_unit_id) {
  return !unified_hierarchy().empty();
}

// A setup that says something of descriptors; sent with some, this is what the pause process reports.
PauseReport report_of(const RawKeeper& keeper, PauseNetwork network, unsigned cgroups, std::size_t sent) {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const UniqueFd ours(ends[0]);
  UniqueFd childs(ends[1]);
  PauseSetup setup{};
  setup.magic = pause_magic;
  setup.network = network;
  setup.cgroup_count = cgroups;
  // More than send_packet sends.
  const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  const std::vector<int> fds(sent, null.get());
  std::vector<char> control(CMSG_SPACE(sent * sizeof(int)));
  iovec part{&setup, sizeof setup};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (sent > 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sent * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), sent * sizeof(int));
  }
  BOOST_REQUIRE(sendmsg(ours.get(), &message, 0) == static_cast<ssize_t>(sizeof setup));
  const auto made = keeper.ask(RawKeeper::request(keeper_spawn, "reports"), {childs.get(), keeper.program()});
  BOOST_REQUIRE((made && made->reply.error == 0));
  childs.reset();
  PauseReport report{};
  BOOST_REQUIRE(recv(ours.get(), &report, sizeof report, 0) == static_cast<ssize_t>(sizeof report));
  kill_hard(made->reply.pid);
  BOOST_REQUIRE(eventually([&] { return keeper.reap("reports", made->reply.pid)->reply.error == 0; }));
  return report;
}

struct Keeper {
  Keeper()
      : prepared(std::filesystem::create_directory(home.settings().state_dir)), keeper(home.settings()) {}

  int pid() const {
    const auto keepers = home.keepers();
    return keepers.size() == 1 ? keepers.front() : -1;
  }
  bool is_gone() const {
    return eventually([this] { return home.keepers().empty(); });
  }
  /// That it serves, and has what it had.
  void expect_unharmed() {
    std::optional<KeeperAnswer> kept;  // not at once: it may not have noticed yet that others have gone
    eventually([&] {
      keeper.reconnect();
      kept = keeper.look("kept");
      return kept && open_files(pid()) == files_when_kept;
    });
    BOOST_TEST_REQUIRE(kept.has_value());
    BOOST_TEST(kept->reply.state == keeper_running);
    BOOST_TEST(open_files(pid()) == files_when_kept);
  }
  void keep_one() {
    BOOST_TEST_REQUIRE(keeper.spawn("kept").has_value());
    files_when_kept = open_files(pid());
  }

  RuntimeHome home;
  bool prepared;
  RawKeeper keeper;
  std::size_t files_when_kept = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(keeper, Keeper)

// The whole life of a child, as its keeper tells it.
BOOST_AUTO_TEST_CASE(life_of_a_child) {
  const auto before = now_ns();
  const auto made = keeper.spawn("one");
  BOOST_TEST_REQUIRE(made.has_value());
  BOOST_TEST(made->reply.error == 0);
  BOOST_TEST(made->reply.state == keeper_running);
  BOOST_TEST(made->reply.created_ns >= before);
  BOOST_TEST(!has_ended(made->pidfd.get()));
  const int pid = made->reply.pid;
  BOOST_TEST(namespace_of(pid, "pid") != namespace_of(getpid(), "pid"));

  BOOST_TEST(keeper.look("one")->reply.pid == pid);
  BOOST_TEST(keeper.look("other")->reply.error == ENOENT);
  BOOST_TEST(keeper.reap("one", pid)->reply.error == EBUSY);
  BOOST_TEST(send_signal(made->pidfd.get(), SIGTERM) == 0);
  BOOST_TEST(eventually([&] { return has_ended(made->pidfd.get()); }));

  // Whoever saw the pidfd first gets the truth at once.
  const auto dead = keeper.look("one");
  BOOST_TEST(dead->reply.state == keeper_dead);
  BOOST_TEST(WEXITSTATUS(dead->reply.wait_status) == 0);
  BOOST_TEST(dead->reply.exited_ns >= made->reply.created_ns);
  BOOST_TEST(keeper.reap("one", pid + 1)->reply.error == ESRCH);
  BOOST_TEST(keeper.reap("one", pid)->reply.error == 0);
  BOOST_TEST(keeper.reap("one", pid)->reply.error == ENOENT);
  BOOST_TEST(keeper.look("one")->reply.error == ENOENT);
}

// An id is taken until it is reaped: who asks again learns of the one that is there.
BOOST_AUTO_TEST_CASE(duplicates) {
  const auto first = keeper.spawn("one");
  const auto second = keeper.spawn("one");
  BOOST_TEST(second->reply.error == EEXIST);
  BOOST_TEST(second->reply.pid == first->reply.pid);
  BOOST_TEST(bool(second->pidfd));
  BOOST_TEST(home.children_of_keepers().size() == 1U);
}

// The list has each child once, and goes on over the gaps.
BOOST_AUTO_TEST_CASE(list) {
  std::vector<int> pids;
  for (int i = 0; i < 5; ++i) pids.push_back(keeper.spawn("child-" + std::to_string(i))->reply.pid);
  kill_hard(pids[1]);
  BOOST_TEST(eventually([&] { return keeper.look("child-1")->reply.state == keeper_dead; }));
  BOOST_TEST(keeper.reap("child-1", pids[1])->reply.error == 0);
  std::vector<std::string> listed;
  KeeperRequest next = RawKeeper::request(keeper_next, "");
  for (;;) {
    const auto answer = keeper.ask(next);
    if (answer->reply.error != 0) break;
    listed.emplace_back(answer->reply.id);
    next.slot = answer->reply.slot + 1;
  }
  BOOST_TEST((listed == std::vector<std::string>{"child-0", "child-2", "child-3", "child-4"}));
  next.slot = 0xffffffff;
  BOOST_TEST(keeper.ask(next)->reply.error == ENOENT);
}

// Nobody is connected when a child dies: whoever comes later learns how and when.
BOOST_AUTO_TEST_CASE(death_without_a_daemon) {
  const auto made = keeper.spawn("one", "exit-42");
  const auto killed = keeper.spawn("two");
  keeper.disconnect();
  BOOST_TEST(eventually([&] { return has_ended(made->pidfd.get()); }));
  kill_hard(killed->reply.pid);
  BOOST_TEST(eventually([&] { return has_ended(killed->pidfd.get()); }));
  const auto dead_by = now_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that a late note of the time would show
  keeper.reconnect();
  const auto one = keeper.look("one"), two = keeper.look("two");
  BOOST_TEST(exit_status(one->reply.wait_status) == 42U);
  BOOST_TEST(exit_status(two->reply.wait_status) == 137U);
  BOOST_TEST(two->reply.exited_ns >= two->reply.created_ns);
  BOOST_TEST(two->reply.exited_ns < dead_by + 40'000'000);
}

// It ends when nobody is connected and it has no child, and not before; no polite signal ends it.
BOOST_AUTO_TEST_CASE(ends_when_idle) {
  const auto made = keeper.spawn("one");
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT}) ::kill(pid(), signal);
  keeper.disconnect();
  kill_hard(made->reply.pid);
  BOOST_TEST(eventually([&] { return has_ended(made->pidfd.get()); }));
  keeper.reconnect();
  BOOST_TEST(keeper.look("one")->reply.state == keeper_dead);
  BOOST_TEST(keeper.reap("one", made->reply.pid)->reply.error == 0);
  BOOST_TEST(home.keepers().size() == 1U);
  keeper.disconnect();
  BOOST_TEST(is_gone());
}

// It is no child of ours, has a session of its own, and nothing of ours open.
BOOST_AUTO_TEST_CASE(is_detached) {
  keep_one();
  BOOST_TEST(getsid(pid()) != getsid(0));
  BOOST_TEST(waitpid(pid(), nullptr, WNOHANG) == -1);
  BOOST_TEST(std::filesystem::read_symlink("/proc/" + std::to_string(pid()) + "/cwd") == "/");
  BOOST_TEST(open_files(pid()) == 7U);  // standard ones, listener, epoll, connection, the child's pidfd
  struct stat socket {};
  BOOST_REQUIRE(stat(keeper_socket(home.settings()).c_str(), &socket) == 0);
  BOOST_TEST((socket.st_mode & 0777) == 0600U);
}

// A child may be made in a cgroup of version 2, also as one of a user namespace.
BOOST_AUTO_TEST_CASE(into_a_cgroup, *boost::unit_test::precondition(has_unified_cgroups)) {
  const UnifiedCgroup cgroup;
  const UniqueFd user = make_user_namespace({{0, 200'000, 65536}, {0, 200'000, 65536}}).value();
  keep_one();
  for (const bool with_user : {false, true}) {
    const auto made = keeper.spawn_with("one", {}, with_user ? user.get() : -1, cgroup.directory.get());
    BOOST_TEST_REQUIRE(made.has_value());
    BOOST_TEST_REQUIRE(made->reply.error == 0);
    const int pid = made->reply.pid;
    BOOST_TEST(cgroup.processes() == std::to_string(pid) + "\n");
    BOOST_TEST((namespace_of(pid, "user") != namespace_of(getpid(), "user")) == with_user);
    kill_hard(pid);
    BOOST_TEST(eventually([&] { return keeper.reap("one", pid)->reply.error == 0; }));
  }
  expect_unharmed();
}

// What is no cgroup, or one no more, or one that takes no processes, is an error of the spawn's.
BOOST_AUTO_TEST_CASE(into_no_cgroup, *boost::unit_test::precondition(has_unified_cgroups)) {
  keep_one();
  UnifiedCgroup cgroup;
  const auto error_of = [&](int directory) {
    const auto made = keeper.spawn_with("one", {}, -1, directory);
    return made ? made->reply.error : -1;
  };
  const UniqueFd root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  BOOST_TEST(error_of(root.get()) == EBADF);
  const auto threaded = cgroup.path / "threaded";
  const auto beside = cgroup.path / "beside";
  std::filesystem::create_directory(threaded);
  std::ofstream(threaded / "cgroup.type") << "threaded" << std::flush;
  std::filesystem::create_directory(beside);  // neither: it takes nothing
  const UniqueFd invalid(open(beside.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  BOOST_TEST(error_of(invalid.get()) == EOPNOTSUPP);
  for (const auto& child : {threaded, beside}) std::filesystem::remove(child);
  std::filesystem::remove(cgroup.path);
  const int gone = error_of(cgroup.directory.get());
  BOOST_TEST((gone == ENOENT || gone == ENODEV), gone);
  BOOST_TEST(keeper.look("one")->reply.error == ENOENT);
  expect_unharmed();
}

// A pause process takes exactly the descriptors that its setup tells of.
BOOST_AUTO_TEST_CASE(descriptors_of_a_setup) {
  const auto expect = [&](PauseNetwork network, unsigned cgroups, std::size_t sent, unsigned step,
                          int error) {
    const auto report = report_of(keeper, network, cgroups, sent);
    BOOST_TEST_CONTEXT(network << " " << cgroups << " " << sent) {
      BOOST_TEST(report.step == step);
      BOOST_TEST(report.error == error);
    }
  };
  expect(pause_network_own, 0, 0, pause_step_count, 0);
  expect(pause_network_own, 1, 1, pause_step_count, 0);
  expect(pause_network_own, pause_most_cgroups, pause_most_cgroups, pause_step_count, 0);
  // It is no network; but that is found out only when all have been taken.
  expect(pause_network_given, pause_most_cgroups, pause_most_fds, pause_join_network, EINVAL);
  expect(pause_network_own, 0, 1, pause_receive, EPROTO);
  expect(pause_network_own, 1, 0, pause_receive, EPROTO);
  expect(pause_network_own, 3, 2, pause_receive, EPROTO);
  expect(pause_network_given, 1, 1, pause_receive, EPROTO);
  expect(pause_network_given, 0, 0, pause_receive, EPROTO);
  expect(pause_network_own, pause_most_cgroups + 1, pause_most_fds, pause_receive, EPROTO);
  expect(pause_network_own, ~0U, 0, pause_receive, EPROTO);
  expect(pause_network_given, pause_most_cgroups, pause_most_fds + 1, pause_receive, EPROTO);
  expect(pause_network_own, 0, 200, pause_receive, EPROTO);
}

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
    const UniqueFd ours(ends[0]), childs(ends[1]);
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
  std::vector<UniqueFd> others;
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
