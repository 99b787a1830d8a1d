#include <sys/wait.h>

#include <boost/test/unit_test.hpp>

#include "test/linux/eventually.hpp"
#include "test/linux/shim_pods.hpp"

/// What the next life of the daemon makes of the shims that it finds.
namespace podsandbox::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(shim_lives, ShimPods)

BOOST_AUTO_TEST_CASE(taken_up_by_the_next_life) {
  for (const bool recorded : {true, false}) {
    start();
    const int first = ask();
    close();
    if (!recorded) fs::remove(place().record);
    BOOST_TEST(ask() == first);
    open();
    BOOST_TEST(
        eventually([&] { return log.count("process " + std::to_string(first) + ", is taken up") == 1; }));
    BOOST_TEST(ask() == first);
    BOOST_TEST(ask("talk 5") == first);
    kill_hard(first);
    const int second = ask_until_answered();
    BOOST_TEST(second != first);
    remove();
  }
  BOOST_TEST(log.count("line 4") == 2U);
}

BOOST_AUTO_TEST_CASE(one_that_was_taken_up_is_ended) {
  start();
  BOOST_TEST(ask() != 0);
  close();
  open();
  remove();
  BOOST_TEST(starts().size() == 1U);
}

BOOST_AUTO_TEST_CASE(one_that_died_while_nobody_looked) {
  start();
  const int first = ask();
  close();
  leave_container();
  kill_hard(first);
  BOOST_TEST(waitpid(first, nullptr, 0) == first);  // as whoever is its parent then
  open();
  BOOST_TEST(ask_until_answered() != first);
  BOOST_TEST(eventually([&] { return !fs::exists(container()); }));
  remove();
}

BOOST_AUTO_TEST_CASE(a_pod_without_one_gets_its_socket_back) {
  start();
  close();
  open();
  BOOST_TEST(ask_until_answered() != 0);
  BOOST_TEST(starts().size() == 1U);
  remove();
}

BOOST_AUTO_TEST_CASE(what_belongs_to_nobody_is_removed) {
  settings.sweep = {300ms, false, 50ms};
  start();
  BOOST_TEST(ask() != 0);
  const auto bundle = place().bundle;
  close();
  for (const int keeper : home.keepers()) kill_hard(keeper);
  for (const int pause : home.pauses()) kill_hard(pause);
  fs::remove_all(settings.records_dir());
  open();
  BOOST_TEST(eventually([&] { return remains() == "" && living().empty(); }), remains());
  BOOST_TEST(log.count("the shim of " + bundle + " was made by us") == 1U);
  for (const auto& base : {settings.cri.root_dir, settings.cri.state_dir}) {
    BOOST_TEST(eventually([&] { return !fs::exists(base + "/sandboxes/pod"); }));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
