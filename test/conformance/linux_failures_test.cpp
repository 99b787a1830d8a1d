#include <fcntl.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>

#include "services/linux/pause_protocol.hpp"
#include "test/conformance/linux_fixture.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

namespace {

using linux_runtime::Settings;

SpecPtr with_netns(const std::string& id, const std::string& path) {
  auto spec = spec_of(id);
  spec.netns_path = path;
  return share(std::move(spec));
}

void expect_failure(LinuxFixture& runtime, SpecPtr spec, ErrorKind kind, const std::string& words) {
  const auto result = runtime.port().start(std::move(spec));
  BOOST_REQUIRE(!result);
  BOOST_TEST_MESSAGE(result.error().message);
  BOOST_TEST((result.error().kind == kind), result.error().message);
  BOOST_TEST(result.error().message.find(words) != std::string::npos);
  BOOST_TEST(runtime.leftovers() == "");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linux_failures)

// Whichever step of its own set-up pause fails in, the answer names it and nothing is left; the next start
// succeeds.
BOOST_AUTO_TEST_CASE(every_step_of_pause) {
  LinuxFixture runtime;
  for (unsigned step = linux_runtime::pause_receive + 1; step < linux_runtime::pause_step_count; ++step) {
    // What a client wished for may be what fails.
    const bool wished = step == linux_runtime::pause_sysctls || step == linux_runtime::pause_user;
    expect_failure(runtime, with_hostname("one", "fail-" + std::to_string(step)),
                   wished ? ErrorKind::invalid_argument : ErrorKind::internal, "Operation not permitted");
  }
  expect_failure(runtime, with_hostname("one", "vanish"), ErrorKind::internal, "ended before");
  BOOST_TEST(runtime.port().start(runtime.plain("one")).has_value());
  BOOST_TEST(runtime.port().cleanup("one").has_value());
}

// A pause process that never reports is given up in time.
BOOST_AUTO_TEST_CASE(no_report) {
  LinuxFixture runtime([](Settings& settings) { settings.deadline = std::chrono::milliseconds(200); });
  expect_failure(runtime, with_hostname("one", "mute"), ErrorKind::unavailable, "in time");
}

// Cleaning up does not wait for such a one: the start gives up at once, and so do those that wait behind it.
BOOST_AUTO_TEST_CASE(cleanup_cancels_a_start) {
  LinuxFixture runtime;
  const auto first = runtime.port().begin<Started>(runtime::Start{with_hostname("one", "mute")});
  const auto second = runtime.port().begin<Started>(runtime::Start{runtime.plain("one")});
  BOOST_TEST(eventually([&] { return runtime.home().pauses().size() == 1; }));
  BOOST_TEST(runtime.port().list().value().empty());
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST((first().error().kind == ErrorKind::aborted));
  BOOST_TEST((second().error().kind == ErrorKind::aborted));
  BOOST_TEST(runtime.leftovers() == "");
}

// netns_path has to be a network namespace.
BOOST_AUTO_TEST_CASE(bad_network_namespaces) {
  LinuxFixture runtime;
  const auto invalid = ErrorKind::invalid_argument;
  expect_failure(runtime, with_netns("one", "/nowhere/netns"), invalid, "netns_path");
  expect_failure(runtime, with_netns("one", "/proc/self/ns/ipc"), invalid, "not a network namespace");
  expect_failure(runtime, with_netns("one", "/proc/self/status"), invalid, "not a network namespace");
  expect_failure(runtime, with_netns("one", "/dev/null"), invalid, "not a network namespace");
  expect_failure(runtime, with_netns("one", "/"), invalid, "not a network namespace");
}

// Opening a path may hang for ever (here: a FIFO that nobody writes). Fifty such starts delay nobody else,
// and cleaning them up does not wait for the hung ones either.
BOOST_AUTO_TEST_CASE(hung_paths_delay_nobody) {
  LinuxFixture runtime;
  const std::string fifo = runtime.home().path() / "fifo";
  BOOST_REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  constexpr int many = 50;
  std::vector<std::function<Result<Started>()>> hung;
  const auto id = [](int i) { return "hung-" + std::to_string(i); };
  for (int i = 0; i < many; ++i) {
    hung.push_back(runtime.port().begin<Started>(runtime::Start{with_netns(id(i), fifo)}));
  }
  const auto before = std::chrono::steady_clock::now();
  BOOST_TEST(runtime.port().start(runtime.plain("one")).has_value());
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  for (int i = 0; i < many; ++i) BOOST_TEST(runtime.port().cleanup(id(i)).has_value());
  for (const auto& start : hung) BOOST_TEST((start().error().kind == ErrorKind::aborted));
  BOOST_TEST((std::chrono::steady_clock::now() - before < std::chrono::seconds(10)));
  BOOST_TEST(runtime.leftovers() == "");
  const int writer = open(fifo.c_str(), O_RDWR | O_CLOEXEC);  // lets the hung threads end
  BOOST_TEST(writer >= 0);
  close(writer);
}

// Without a keeper there is no start; the reason is told.
BOOST_AUTO_TEST_CASE(no_keeper_program) {
  LinuxFixture runtime([](Settings& settings) { settings.keeper_program = "/nowhere/keeper"; });
  expect_failure(runtime, runtime.plain("one"), ErrorKind::unavailable, "/nowhere/keeper: No such file");
  BOOST_TEST((runtime.port().list().error().kind == ErrorKind::unavailable));
}

BOOST_AUTO_TEST_CASE(no_pause_program) {
  LinuxFixture runtime([](Settings& settings) { settings.pause_program = "/nowhere/pause"; });
  expect_failure(runtime, runtime.plain("one"), ErrorKind::unavailable, "/nowhere/pause: No such file");
}

BOOST_AUTO_TEST_CASE(pause_program_that_is_none) {
  LinuxFixture runtime([](Settings& settings) {
    settings.pause_program += "-text";
    std::ofstream(settings.pause_program) << "just text";
    chmod(settings.pause_program.c_str(), 0755);
  });
  expect_failure(runtime, runtime.plain("one"), ErrorKind::internal, "running the pause program");
}

// What makes no sense is refused before anything is made.
BOOST_AUTO_TEST_CASE(refused) {
  LinuxFixture runtime;
  expect_failure(
      runtime,
      share(spec_of(
          "one", [](auto& config) { (*config.mutable_linux()->mutable_sysctls())["vm.swappiness"] = "0"; })),
      ErrorKind::invalid_argument, "config.linux.sysctls: vm.swappiness");
}

// The keeper killed while sandboxes run: they go on, new ones can be made at once, and their exits are still
// told with the true status.
BOOST_AUTO_TEST_CASE(keeper_killed) {
  LinuxFixture runtime;
  for (const char* id : {"term", "kill"}) BOOST_REQUIRE(runtime.port().start(runtime.plain(id)));
  const auto keepers = runtime.home().keepers();
  BOOST_REQUIRE(keepers.size() == 1U);
  kill_hard(keepers.front());
  BOOST_TEST(
      eventually([&] { return runtime.home().keepers() != keepers && !runtime.home().keepers().empty(); }));
  BOOST_TEST(runtime.port().list().value().size() == 2U);
  BOOST_TEST(runtime.port().start(runtime.plain("new")).has_value());

  BOOST_TEST(runtime.port().kill("kill", SIGKILL).has_value());
  BOOST_TEST(runtime.port().kill("term", SIGTERM).has_value());
  BOOST_TEST(runtime.port().exit_of("kill").value().status == 137U);
  BOOST_TEST(runtime.port().exit_of("term").value().status == 0U);
  for (const char* id : {"term", "kill", "new"}) BOOST_TEST(runtime.port().cleanup(id).has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// The keeper killed in the middle of starts: each succeeds or fails cleanly.
BOOST_AUTO_TEST_CASE(keeper_killed_during_starts) {
  LinuxFixture runtime;
  const auto id = [](int i) { return "sandbox-" + std::to_string(i); };
  for (int round = 0; round < 5; ++round) {
    std::vector<std::function<Result<Started>()>> starts;
    for (int i = 0; i < 20; ++i)
      starts.push_back(runtime.port().begin<Started>(runtime::Start{runtime.plain(id(i))}));
    for (const int keeper : runtime.home().keepers()) kill_hard(keeper);
    for (const auto& start : starts) {
      const auto result = start();
      BOOST_TEST((result || result.error().kind == ErrorKind::unavailable),
                 (result ? "" : result.error().message));
    }
    // Not all the first time: the keeper that was killed may have been the next one already.
    for (int i = 0; i < 20; ++i)
      BOOST_TEST(eventually([&] { return runtime.port().cleanup(id(i)).has_value(); }));
  }
  BOOST_TEST(eventually([&] { return runtime.leftovers().empty(); }, std::chrono::seconds(5)),
             runtime.leftovers());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
