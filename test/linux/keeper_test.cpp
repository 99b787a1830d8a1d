#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>

#include "services/host/process_facts.hpp"
#include "services/linux/keeper_launch.hpp"
#include "test/linux/keeper_fixture.hpp"

/// What the keeper does for its children and for us.
namespace podsandbox::test {

namespace {

using namespace linux_runtime;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

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
  BOOST_TEST(!host::has_ended(made->pidfd.get()));
  const int pid = made->reply.pid;
  BOOST_TEST(namespace_of(pid, "pid") != namespace_of(getpid(), "pid"));

  BOOST_TEST(keeper.look("one")->reply.pid == pid);
  BOOST_TEST(keeper.look("other")->reply.error == ENOENT);
  BOOST_TEST(keeper.reap("one", pid)->reply.error == EBUSY);
  BOOST_TEST(host::send_signal(made->pidfd.get(), SIGTERM) == 0);
  BOOST_TEST(eventually([&] { return host::has_ended(made->pidfd.get()); }));

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
  BOOST_TEST(eventually([&] { return host::has_ended(made->pidfd.get()); }));
  kill_hard(killed->reply.pid);
  BOOST_TEST(eventually([&] { return host::has_ended(killed->pidfd.get()); }));
  const auto dead_by = now_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that a late note of the time would show
  keeper.reconnect();
  const auto one = keeper.look("one"), two = keeper.look("two");
  BOOST_TEST(host::exit_status(one->reply.wait_status) == 42U);
  BOOST_TEST(host::exit_status(two->reply.wait_status) == 137U);
  BOOST_TEST(two->reply.exited_ns >= two->reply.created_ns);
  BOOST_TEST(two->reply.exited_ns < dead_by + 40'000'000);
}

// It ends when nobody is connected and it has no child, and not before; no polite signal ends it.
BOOST_AUTO_TEST_CASE(ends_when_idle) {
  const auto made = keeper.spawn("one");
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT}) ::kill(pid(), signal);
  keeper.disconnect();
  kill_hard(made->reply.pid);
  BOOST_TEST(eventually([&] { return host::has_ended(made->pidfd.get()); }));
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
