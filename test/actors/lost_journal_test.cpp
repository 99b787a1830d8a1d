#include <boost/test/unit_test.hpp>

#include "test/actors/scripted_journal.hpp"
#include "test/actors/world.hpp"

/// The journal has lost what the runtime has.
namespace podsandbox::test {

namespace {

const Error silent{ErrorKind::unavailable, "no keeper"};

struct Lost {
  std::shared_ptr<ScriptedJournal> journal = std::make_shared<ScriptedJournal>();
  std::shared_ptr<ScriptedRuntime> runtime = std::make_shared<ScriptedRuntime>();
  std::unique_ptr<World> world = std::make_unique<World>(journal, runtime);

  void crash(bool journal_is_lost = true) {
    world->crash();
    world.reset();
    if (journal_is_lost) journal->contents = {};
    for (auto& [id, stored] : journal->contents.sandboxes) stored.boot_id = "this boot";
    world = std::make_unique<World>(journal, runtime);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lost_journal, Lost)

BOOST_AUTO_TEST_CASE(what_runs_goes_on) {
  world->run("a");
  const auto before = world->get(StartSandbox{"a"});
  crash();
  BOOST_TEST((world->phase("a") == Phase::ready));
  BOOST_TEST((world->get(StartSandbox{"a"}) == before));
  BOOST_TEST(runtime->count("clean all a") == 0U);
  BOOST_TEST(journal->contents.sandboxes.at("a").record.started.has_value());
  auto waiter = world->ask(WaitSandbox{"a"});
  world->settle();
  runtime->process_exits("a", 7);
  world->settle();
  BOOST_REQUIRE(waiter->has_value());
  BOOST_TEST((**waiter)->status == 7U);
  BOOST_TEST(world->get(ShutdownSandbox{"a"}).has_value());
  BOOST_TEST(runtime->processes.empty());
}

BOOST_AUTO_TEST_CASE(what_has_ended_is_told_truly) {
  world->run("a");
  runtime->process_exits("a", 7, false);
  crash();
  BOOST_TEST((world->phase("a") == Phase::notready));
  BOOST_TEST(world->get(WaitSandbox{"a"})->status == 7U);
}

BOOST_AUTO_TEST_CASE(remains_are_removed) {
  world->run("a");
  BOOST_TEST(world->get(StopSandbox{"a"}).has_value());
  BOOST_TEST(runtime->remains.size() == 1U);
  crash();
  BOOST_TEST(world->settle_until([&] { return runtime->remains.empty(); }));
  BOOST_TEST((world->phase("a") == Phase::gone));
  BOOST_TEST(journal->contents.sandboxes.empty());
}

/// Until the runtime has said what it has, nothing is said not to exist.
BOOST_AUTO_TEST_CASE(unknown_is_not_gone) {
  world->run("a");
  runtime->list_errors[""] = std::deque<Error>(2, silent);
  crash();
  auto status = world->ask(SandboxStatus{"a", false});
  auto waiter = world->ask(WaitSandbox{"a"});
  auto shutdown = world->ask(ShutdownSandbox{"never"});
  auto created = world->ask(CreateSandbox{World::spec("a", "another")});
  world->settle();
  BOOST_TEST(!status->has_value());
  world->advance(std::chrono::milliseconds(1100));  // it was asked again, and is silent
  BOOST_REQUIRE(status->has_value());
  BOOST_TEST(((*status)->error().kind == ErrorKind::unavailable));
  BOOST_TEST(((*waiter)->error().kind == ErrorKind::unavailable));
  BOOST_TEST((*shutdown)->has_value() == false);
  BOOST_TEST(((*created)->error().kind == ErrorKind::unavailable));
  status = world->ask(SandboxStatus{"b", false});
  auto list = world->ask(ListSandboxes{});
  world->advance(std::chrono::milliseconds(1100));
  BOOST_REQUIRE(status->has_value());
  BOOST_TEST(((*status)->error().kind == ErrorKind::not_found));
  BOOST_TEST((*list)->value().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_cannot_recall_is_asked_again) {
  world->run("a");
  runtime->recall_errors["a"] = {silent, silent};
  crash();
  auto status = world->ask(SandboxStatus{"a", false});
  BOOST_TEST(world->settle_until([&] { return status->has_value(); }, std::chrono::seconds(10)));
  BOOST_TEST(((*status)->value().view.phase == Phase::ready));
}

/// It runs on, whether or not the runtime can repeat its answer now.
BOOST_AUTO_TEST_CASE(a_runtime_that_cannot_repeat_its_answer_is_asked_again) {
  world->run("a");
  runtime->start_errors["a"] = {silent, Error{ErrorKind::deadline_exceeded, "slow"}, silent};
  crash();
  auto status = world->ask(SandboxStatus{"a", false});
  world->settle();
  BOOST_TEST(!status->has_value());
  BOOST_TEST(world->settle_until([&] { return status->has_value(); }, std::chrono::seconds(10)));
  BOOST_TEST(((*status)->value().view.phase == Phase::ready));
  BOOST_TEST(runtime->count("clean all a") == 0U);
  BOOST_TEST(runtime->processes.size() == 1U);
}

/// It has ended, and how is not known yet: it is neither gone nor alive, and its exit is told when it is.
BOOST_AUTO_TEST_CASE(how_it_has_ended_is_known_later) {
  world->run("a");
  runtime->ended = {"a"};
  crash();
  auto status = world->ask(SandboxStatus{"a", false});
  auto waiter = world->ask(WaitSandbox{"a"});
  world->advance(std::chrono::seconds(3));
  BOOST_TEST(!status->has_value());
  BOOST_TEST(!waiter->has_value());
  runtime->ended.clear();
  runtime->process_exits("a", 7);
  world->settle();
  BOOST_REQUIRE(status->has_value());
  BOOST_TEST(((*status)->value().view.phase == Phase::notready));
  BOOST_REQUIRE(waiter->has_value());
  BOOST_TEST((**waiter)->status == 7U);
}

/// What nobody can tell of stays, and is said; the others are served.
BOOST_AUTO_TEST_CASE(one_that_nobody_can_tell_of) {
  world->run("a");
  runtime->specs.clear();
  crash();
  BOOST_TEST((world->phase("a") == Phase::gone));
  BOOST_TEST(world->create("b").has_value());
  BOOST_TEST(runtime->processes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_crash_between_any_two_messages_of_taking_over) {
  for (int after = 0; after < 100; ++after) {
    Lost one;
    one.world->run("a");
    one.world->run("b");
    one.runtime->process_exits("b", 7, false);
    one.runtime->list_errors[""] = {silent};
    one.crash();
    one.world->scheduler.advance_time(std::chrono::seconds(1));
    for (int i = 0; i < after && one.world->scheduler.try_run_once(); ++i) {
    }
    one.crash(false);
    BOOST_TEST_CONTEXT("crash after " << after << " messages") {
      BOOST_TEST((one.world->phase("a") == Phase::ready));
      BOOST_TEST((one.world->phase("b") == Phase::notready));
      BOOST_TEST(one.world->get(WaitSandbox{"b"})->status == 7U);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
