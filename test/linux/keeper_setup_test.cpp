#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <vector>

#include "services/host/cgroup.hpp"
#include "services/host/user_namespace.hpp"
#include "test/linux/keeper_fixture.hpp"

/// The descriptors that come with a child: its cgroup's, and those of its setup.
namespace podsandbox::test {

namespace {

using namespace linux_runtime;

// Where version 2 of cgroups is mounted, with controllers or without; empty: nowhere.
std::filesystem::path unified_hierarchy() {
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line; std::getline(mountinfo, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    const auto found = host::parse_cgroup_mounts(line);
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
  host::UniqueFd directory;
};

boost::test_tools::assertion_result has_unified_cgroups(boost::unit_test::test_unit_id) {
  return !unified_hierarchy().empty();
}

// A setup that says something of descriptors; sent with some, this is what the pause process reports.
PauseReport report_of(const RawKeeper& keeper, PauseNetwork network, unsigned cgroups, std::size_t sent) {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const host::UniqueFd ours(ends[0]);
  host::UniqueFd childs(ends[1]);
  PauseSetup setup{};
  setup.magic = pause_magic;
  setup.network = network;
  setup.cgroup_count = cgroups;
  // More than send_packet sends.
  const host::UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
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

}  // namespace

BOOST_FIXTURE_TEST_SUITE(keeper_setup, Keeper)

// A child may be made in a cgroup of version 2, also as one of a user namespace.
BOOST_AUTO_TEST_CASE(into_a_cgroup, *boost::unit_test::precondition(has_unified_cgroups)) {
  const UnifiedCgroup cgroup;
  const host::UniqueFd user = host::make_user_namespace({{0, 200'000, 65536}, {0, 200'000, 65536}}).value();
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
  const host::UniqueFd root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  BOOST_TEST(error_of(root.get()) == EBADF);
  const auto threaded = cgroup.path / "threaded";
  const auto beside = cgroup.path / "beside";
  std::filesystem::create_directory(threaded);
  std::ofstream(threaded / "cgroup.type") << "threaded" << std::flush;
  std::filesystem::create_directory(beside);  // neither: it takes nothing
  const host::UniqueFd invalid(open(beside.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
