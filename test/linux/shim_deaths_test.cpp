#include <sys/wait.h>

#include <boost/test/unit_test.hpp>

#include "test/linux/eventually.hpp"
#include "test/linux/shim_pods.hpp"

/// Shims that end, that fail and that are ended, and the containers that they leave.
namespace podsandbox::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(shim_deaths, ShimPods)

BOOST_AUTO_TEST_CASE(another_one_when_it_was_killed) {
  start();
  const int first = ask();
  kill_hard(first);
  const int second = ask_until_answered();
  BOOST_TEST(first != second);
  BOOST_TEST(starts().size() == 2U);
  BOOST_TEST(living().size() == 1U);  // the first is reaped
  remove();
}

BOOST_AUTO_TEST_CASE(one_that_is_told_to_end_by_somebody_else) {
  start();
  for (unsigned i = 1; i <= 3; ++i) {
    BOOST_TEST(ask_until_answered() != 0);
    connect("Shutdown").answer();
    BOOST_TEST(eventually([&] { return living().empty(); }));
    BOOST_TEST(starts().size() == i);
  }
  BOOST_TEST(log.count("otherwise than") == 0U);
  remove();
}

BOOST_AUTO_TEST_CASE(those_that_fail_do_not_storm) {
  for (const char* how : {"exits", "accepts", "leaves"}) {
    mode(how);
    start();
    const auto before = starts().size();
    const auto began = std::chrono::steady_clock::now();
    unsigned connections = 0;
    while (std::chrono::steady_clock::now() - began < 1s) {
      connect().answer();
      ++connections;
    }
    // After pauses of 100, 200, 400 and 400 ms.
    BOOST_TEST(starts().size() - before <= 5U, how);
    BOOST_TEST(starts().size() - before >= 2U, how);
    BOOST_TEST(connections >= 2U, how);
    mode("serve");
    BOOST_TEST(ask_until_answered() != 0, how);
    remove();
  }
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_any_more) {
  start();
  fs::rename(program(), program().string() + "-");
  BOOST_TEST((connect().answer() == ""));
  BOOST_TEST(log.count("is no executable file") == 1U);
  fs::rename(program().string() + "-", program());
  BOOST_TEST(ask_until_answered() != 0);
  remove();
}

BOOST_AUTO_TEST_CASE(one_that_hangs_is_killed_when_nothing_is_left) {
  mode("hangs");
  start();
  auto client = connect();
  BOOST_TEST(eventually([&] { return log.count("its shim is started") == 1; }));
  BOOST_TEST((client.answer() == ""));
  BOOST_TEST(eventually([&] { return log.count("no shim serves: 1 connections to it are closed") == 1U; }));
  remove();
  BOOST_TEST(starts().size() == 1U);
}

// Nobody will ask it for that again.
BOOST_AUTO_TEST_CASE(one_with_a_forgotten_container_is_killed) {
  mode("stays");
  start();
  leave_container();
  ask();
  remove();
  BOOST_TEST(!fs::exists(container()));
}

BOOST_AUTO_TEST_CASE(one_whose_container_cannot_be_removed_stays) {
  mode("stays");
  start();
  leave_container(false);
  const int pid = ask();
  const auto refused = cleanup();
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::unavailable));
  BOOST_TEST(refused.error().message.find("its shim still has left") != std::string::npos,
             refused.error().message);
  BOOST_TEST(ask() == pid);
  fs::remove_all(container());
  remove();
  BOOST_TEST(starts().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_one_leaves_is_removed) {
  start();
  const int pid = ask();
  leave_container();
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return !fs::exists(container()); }));
  BOOST_TEST(eventually([&] { return log.count("the containers that its shim has left are removed") == 1; }));
  BOOST_TEST(ask_until_answered() != 0);
  remove();
}

BOOST_AUTO_TEST_CASE(what_one_leaves_that_dies_with_the_pod) {
  start();
  const int pid = ask();
  leave_container(false);
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return log.count("it is tried again") == 1; }));
  BOOST_TEST(!cleanup());
  BOOST_TEST(fs::exists(place().bundle));
  leave_container();
  remove();
  BOOST_TEST(!fs::exists(container()));
}

BOOST_AUTO_TEST_CASE(what_is_left_is_asked_for_until_it_is_known) {
  start();
  const int pid = ask();
  leave_container();
  fs::rename(home.path() / "runc-program", home.path() / "runc-program-");
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return log.count("is not known") == 1; }));
  auto client = connect();
  fs::rename(home.path() / "runc-program-", home.path() / "runc-program");
  BOOST_TEST(client.answer().value_or("") != "");
  BOOST_TEST(eventually([&] { return !fs::exists(container()); }));
  remove();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
