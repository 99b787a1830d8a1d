#include <boost/test/unit_test.hpp>
#include <csignal>

#include "test/conformance/runtimes.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(lifecycle)

// A sandbox is started, seen, stopped and cleaned up: afterwards there is nothing.
BOOST_AUTO_TEST_CASE_TEMPLATE(from_start_to_cleanup, Runtime, Runtimes) {
  Runtime runtime;
  const auto started = runtime.port().start(runtime.plain("one"));
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  BOOST_TEST(started->pid > 0U);
  BOOST_TEST(started->start_time > 0U);
  BOOST_TEST(started->spec.value.find("ociVersion") != std::string::npos);

  const auto seen = runtime.port().inspect("one");
  BOOST_REQUIRE(seen);
  BOOST_TEST((*seen == runtime::Process{"one", started->pid, started->start_time, {}}));
  BOOST_TEST((runtime.port().list().value() == std::vector{*seen}));
  BOOST_TEST(runtime.port().holdings()->remains.empty());

  runtime.until_it_heeds_signals(*started);
  BOOST_TEST(runtime.port().kill("one", SIGTERM).has_value());
  const auto exit = runtime.port().exit_of("one");
  BOOST_REQUIRE(exit);
  BOOST_TEST(exit->status == 0U);
  BOOST_TEST((runtime.port().inspect("one").value().exit == exit));
  BOOST_TEST(runtime.port().cleanup("one", runtime::Extent::task).has_value());
  BOOST_TEST((runtime.port().inspect("one").error().kind == ErrorKind::not_found));
  BOOST_TEST(runtime.port().list().value().empty());
  BOOST_TEST((runtime.port().holdings()->remains == std::vector<std::string>{"one"}));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.port().holdings()->remains.empty());
  BOOST_TEST(runtime.leftovers() == "");
}

// A start that is asked for again gives the same answer, dead or alive, and after the actor was replaced.
BOOST_AUTO_TEST_CASE_TEMPLATE(start_is_idempotent, Runtime, Runtimes) {
  Runtime runtime;
  const auto first = runtime.port().start(runtime.plain("one"));
  BOOST_REQUIRE(first);
  BOOST_TEST((runtime.port().start(runtime.plain("one")) == first));
  runtime.port().replace_actor();
  runtime.port().subscribe();
  BOOST_TEST((runtime.port().start(runtime.plain("one")) == first));
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").value().status == 137U);
  BOOST_TEST((runtime.port().start(runtime.plain("one")) == first));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  const auto second = runtime.port().start(runtime.plain("one"));
  BOOST_REQUIRE(second);
  BOOST_TEST(second->pid != first->pid);
  BOOST_TEST(runtime.port().cleanup("one").has_value());
}

// Whoever has forgotten what a start was asked can ask for it, and then for the start.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_start_can_be_recalled, Runtime, Runtimes) {
  Runtime runtime;
  BOOST_TEST((runtime.port().recall("one").error().kind == ErrorKind::not_found));
  const auto spec = runtime.plain("one");
  const auto first = runtime.port().start(spec);
  BOOST_REQUIRE(first);
  const auto recalled = runtime.port().recall("one");
  BOOST_REQUIRE(recalled);
  BOOST_TEST(same_request(**recalled, *spec));
  BOOST_TEST((runtime.port().start(*recalled) == first));
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").has_value());
  BOOST_TEST(runtime.port().cleanup("one", runtime::Extent::task).has_value());
  BOOST_TEST(runtime.port().recall("one").has_value());
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST((runtime.port().recall("one").error().kind == ErrorKind::not_found));
  BOOST_TEST(runtime.leftovers() == "");
}

// Of what does not exist: Kill and Inspect say so, Cleanup has nothing to do.
BOOST_AUTO_TEST_CASE_TEMPLATE(unknown_ids, Runtime, Runtimes) {
  Runtime runtime;
  BOOST_TEST((runtime.port().kill("none", SIGKILL).error().kind == ErrorKind::not_found));
  BOOST_TEST((runtime.port().inspect("none").error().kind == ErrorKind::not_found));
  BOOST_TEST((runtime.port().metrics("none").error().kind == ErrorKind::not_found));
  BOOST_TEST(runtime.port().cleanup("none").has_value());
  BOOST_TEST(runtime.port().cleanup("none", runtime::Extent::task).has_value());
}

// Cleaning up a running one kills it, and its exit is told nevertheless; cleaning up its task alone is
// refused.
BOOST_AUTO_TEST_CASE_TEMPLATE(cleanup_of_a_running_one, Runtime, Runtimes) {
  Runtime runtime;
  BOOST_REQUIRE(runtime.port().start(runtime.plain("one")));
  BOOST_TEST(
      (runtime.port().cleanup("one", runtime::Extent::task).error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(!runtime.port().inspect("one").value().exit);
  BOOST_TEST(runtime.port().cleanup("one", runtime::Extent::everything).has_value());
  BOOST_TEST(runtime.port().exit_of("one").value().status == 137U);
  BOOST_TEST(runtime.leftovers() == "");
}

// A signal that there is not is refused, and a dead process cannot be killed.
BOOST_AUTO_TEST_CASE_TEMPLATE(kill_errors, Runtime, Runtimes) {
  Runtime runtime;
  BOOST_REQUIRE(runtime.port().start(runtime.plain("one")));
  BOOST_TEST((runtime.port().kill("one", 1000).error().kind == ErrorKind::invalid_argument));
  BOOST_REQUIRE(runtime.port().kill("one", SIGKILL));
  BOOST_REQUIRE(runtime.port().exit_of("one"));
  BOOST_TEST((runtime.port().kill("one", SIGKILL).error().kind == ErrorKind::not_found));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
}

// Ids become paths.
BOOST_AUTO_TEST_CASE_TEMPLATE(hostile_ids, Runtime, Runtimes) {
  Runtime runtime;
  const std::vector<std::string> ids{"", "..", "a/b", "../../x", "-a", std::string(77, 'a')};
  for (const std::string& id : ids) {
    BOOST_TEST((runtime.port().start(runtime.plain(id)).error().kind == ErrorKind::invalid_argument));
    BOOST_TEST(runtime.port().cleanup(id).has_value());
  }
  const std::string longest(76, 'a');
  BOOST_TEST(runtime.port().start(runtime.plain(longest)).has_value());
  BOOST_TEST((runtime.port().inspect(longest).value().id == longest));
  BOOST_TEST(runtime.port().cleanup(longest).has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// Many at once, from start to end, several times as many requests.
BOOST_AUTO_TEST_CASE_TEMPLATE(many_at_once, Runtime, Runtimes) {
  Runtime runtime;
  constexpr int many = Runtime::many;
  const auto id = [](int i) { return "many-" + std::to_string(i); };
  std::vector<std::function<Result<Started>()>> starts;
  for (int i = 0; i < many; ++i)
    starts.push_back(runtime.port().template begin<Started>(runtime::Start{runtime.plain(id(i))}));
  for (const auto& start : starts) BOOST_TEST_REQUIRE(start().has_value());
  BOOST_TEST(runtime.port().list().value().size() == std::size_t{many});
  std::vector<std::function<Result<Done>()>> rest;
  for (int i = 0; i < many; ++i) {
    if (i % 2 == 0) rest.push_back(runtime.port().template begin<Done>(runtime::Kill{id(i), SIGTERM}));
    rest.push_back(runtime.port().template begin<Done>(runtime::Cleanup{id(i), runtime::Extent::everything}));
  }
  for (const auto& done : rest) BOOST_TEST(done().has_value());
  BOOST_TEST(runtime.port().list().value().empty());
  BOOST_TEST(runtime.leftovers() == "");
}

// The same id started and cleaned up in turn without waiting: each takes effect in its turn, or gives up.
BOOST_AUTO_TEST_CASE_TEMPLATE(one_id_in_order, Runtime, Runtimes) {
  Runtime runtime;
  std::vector<std::function<Result<Started>()>> starts;
  std::vector<std::function<Result<Done>()>> cleanups;
  for (int i = 0; i < 20; ++i) {
    starts.push_back(runtime.port().template begin<Started>(runtime::Start{runtime.plain("one")}));
    cleanups.push_back(
        runtime.port().template begin<Done>(runtime::Cleanup{"one", runtime::Extent::everything}));
  }
  for (const auto& start : starts) {
    const auto result = start();
    BOOST_TEST((result || result.error().kind == ErrorKind::aborted));
  }
  for (const auto& cleanup : cleanups) BOOST_TEST(cleanup().has_value());
  BOOST_TEST(runtime.port().list().value().empty());
  BOOST_TEST(runtime.leftovers() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
