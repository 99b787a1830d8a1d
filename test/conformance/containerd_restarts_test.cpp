#include <boost/test/unit_test.hpp>
#include <csignal>

#include "test/conformance/containerd_fixture.hpp"

namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(containerd_restarts)

// What ran runs on, and is known with all that was told of it.
BOOST_AUTO_TEST_CASE(what_runs_runs_on) {
  ContainerdFixture runtime;
  const auto spec = runtime.plain("one");
  const auto started = runtime.port().start(spec);
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  runtime.restart();
  BOOST_TEST((runtime.port().list().value() ==
              std::vector{runtime::Process{"one", started->pid, started->start_time, {}}}));
  BOOST_TEST((runtime.port().start(spec) == started));
  BOOST_TEST(same_request(**runtime.port().recall("one"), *spec));
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").value().status == 137U);
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// An exit is told by the next daemon too, with its time, until it is cleaned up.
BOOST_AUTO_TEST_CASE(exits_are_told_again) {
  ContainerdFixture runtime;
  BOOST_REQUIRE(runtime.port().start(runtime.exiting("one", 7)));
  const auto exit = runtime.port().exit_of("one");
  BOOST_REQUIRE(exit);
  runtime.restart();
  BOOST_TEST((runtime.port().exit_of("one") == exit));
  BOOST_TEST(runtime.port().cleanup("one", runtime::Extent::task).has_value());
  runtime.restart();
  BOOST_TEST(runtime.port().list().value().empty());
  BOOST_TEST((runtime.port().holdings()->remains == std::vector<std::string>{"one"}));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
