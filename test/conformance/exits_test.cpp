#include <boost/test/unit_test.hpp>
#include <csignal>

#include "test/conformance/runtimes.hpp"

namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(exits)

// Every code that a process can exit with is told as it is, with the time at which it happened.
BOOST_AUTO_TEST_CASE_TEMPLATE(all_exit_codes, Runtime, Runtimes) {
  Runtime runtime;
  const auto id = [](int code) { return "code-" + std::to_string(code); };
  const auto codes = Runtime::exit_codes();
  const auto before = std::chrono::system_clock::now();
  for (const int code : codes) BOOST_REQUIRE(runtime.port().start(runtime.exiting(id(code), code)));
  for (const int code : codes) {
    const auto exit = runtime.port().exit_of(id(code));
    BOOST_TEST_REQUIRE(exit.has_value());
    BOOST_TEST(exit->status == static_cast<std::uint32_t>(code));
    BOOST_TEST((exit->at >= before && exit->at <= std::chrono::system_clock::now()));
  }
  for (const int code : codes) BOOST_TEST(runtime.port().cleanup(id(code)).has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// Death by signal is 128 + signal.
BOOST_AUTO_TEST_CASE_TEMPLATE(signals, Runtime, Runtimes) {
  Runtime runtime;
  for (const int signal : {SIGBUS, SIGSEGV}) {
    const std::string id = "signal-" + std::to_string(signal);
    BOOST_REQUIRE(runtime.port().start(runtime.crashing(id, signal)));
    const auto exit = runtime.port().exit_of(id);
    BOOST_REQUIRE(exit);
    BOOST_TEST(exit->status == 128U + static_cast<std::uint32_t>(signal));
    BOOST_TEST(runtime.port().cleanup(id).has_value());
  }
}

// SIGTERM and SIGINT end a sandbox in order; others it does not heed.
BOOST_AUTO_TEST_CASE_TEMPLATE(signals_that_pause_takes, Runtime, Runtimes) {
  Runtime runtime;
  for (const int signal : {SIGTERM, SIGINT, SIGKILL}) {
    const std::string id = "signal-" + std::to_string(signal);
    const auto started = runtime.port().start(runtime.plain(id));
    BOOST_REQUIRE(started);
    runtime.until_it_heeds_signals(*started);
    for (const int ignored : {SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE})
      BOOST_TEST(runtime.port().kill(id, ignored).has_value());
    BOOST_TEST(runtime.port().kill(id, signal).has_value());
    BOOST_TEST(runtime.port().exit_of(id).value().status == (signal == SIGKILL ? 137U : 0U));
    BOOST_TEST(runtime.port().cleanup(id).has_value());
  }
}

// An exit is repeated to whoever subscribes anew, until it is cleaned up.
BOOST_AUTO_TEST_CASE_TEMPLATE(told_again_until_cleaned_up, Runtime, Runtimes) {
  Runtime runtime;
  BOOST_REQUIRE(runtime.port().start(runtime.exiting("one", 7)));
  BOOST_REQUIRE(runtime.port().start(runtime.exiting("two", 8)));
  const auto first = runtime.port().exit_of("one");
  BOOST_REQUIRE(first);
  runtime.port().subscribe();
  BOOST_TEST((runtime.port().exit_of("one") == first));
  runtime.port().replace_actor();
  runtime.port().subscribe();
  BOOST_TEST((runtime.port().exit_of("one") == first));
  BOOST_REQUIRE(runtime.port().cleanup("one"));
  runtime.port().subscribe();
  BOOST_TEST(runtime.port().exit_of("two").value().status == 8U);
  BOOST_TEST(runtime.port().list().value().size() == 1U);
  BOOST_TEST(runtime.port().cleanup("two").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
