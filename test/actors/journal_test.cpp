#include <boost/test/unit_test.hpp>

#include "test/actors/scripted_journal.hpp"
#include "test/actors/world.hpp"

/// What is in the journal when, what a disk that refuses stops, and what a next life makes of it.
namespace podsandbox::test {

namespace {

const Error full{ErrorKind::resource_exhausted, "the disk is full"};

struct Journalled {
  std::shared_ptr<ScriptedJournal> journal = std::make_shared<ScriptedJournal>();
  std::shared_ptr<ScriptedRuntime> runtime = std::make_shared<ScriptedRuntime>();
  std::unique_ptr<World> world = std::make_unique<World>(journal, runtime);

  const SandboxRecord& record(const std::string& id) { return journal->contents.sandboxes.at(id).record; }
  bool has(const std::string& id) { return journal->contents.sandboxes.contains(id); }

  /// The process ends without a word, and another one starts. What the runtime has runs on.
  void crash(const std::string& boot = "this boot") {
    world->crash();
    world.reset();
    for (auto& [id, stored] : journal->contents.sandboxes) stored.boot_id = boot;
    world = std::make_unique<World>(journal, runtime);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal, Journalled)

/// An intent is on the disk before the runtime hears of it, a fact before the client does.
BOOST_AUTO_TEST_CASE(a_start_is_written_before_it_begins_and_before_it_is_answered) {
  BOOST_REQUIRE(world->create("a"));
  BOOST_TEST(has("a"));
  journal->hangs = true;
  auto started = world->ask(StartSandbox{"a"});
  world->settle();
  BOOST_TEST(runtime->count("start a") == 0U);
  BOOST_TEST(!started->has_value());
  journal->hangs = false;
  world->kill(names::journal);
  world->settle_until([&] { return started->has_value(); });
  BOOST_REQUIRE((*started)->has_value());
  BOOST_TEST(record("a").started.has_value());
}

/// The exit reaches who waits while the disk hangs; the evidence stays until it is written down.
BOOST_AUTO_TEST_CASE(an_exit_does_not_wait_for_the_disk_but_its_cleanup_does) {
  world->run("a");
  auto waiter = world->ask(WaitSandbox{"a"});
  world->settle();
  journal->hangs = true;
  runtime->process_exits("a", 7);
  world->settle();
  BOOST_REQUIRE(waiter->has_value());
  BOOST_TEST((**waiter)->status == 7U);
  BOOST_TEST((world->phase("a") == Phase::notready));
  BOOST_TEST(runtime->count("clean task a") == 0U);
  journal->hangs = false;
  world->kill(names::journal);
  BOOST_TEST(world->settle_until([&] { return runtime->count("clean task a") == 1; }));
  BOOST_TEST(record("a").exit->status == 7U);
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_new_sandboxes_and_serves_the_others) {
  world->run("a");
  world->run("b");
  journal->broken = full;
  BOOST_TEST((world->create("new").error().kind == ErrorKind::resource_exhausted));
  BOOST_TEST((world->phase("new") == Phase::gone));
  BOOST_TEST((world->create("newer").error().kind == ErrorKind::resource_exhausted));
  BOOST_TEST((world->phase("a") == Phase::ready));
  // It can be killed, that is what an operator would do now; who waits hears of it.
  auto waiter = world->ask(WaitSandbox{"a"});
  const auto stopped = world->get(StopSandbox{"a"});
  BOOST_TEST((stopped.error().kind == ErrorKind::resource_exhausted));
  BOOST_REQUIRE(waiter->has_value());
  BOOST_TEST((**waiter)->status == 137U);
  BOOST_TEST(runtime->count("clean task a") == 0U);
  BOOST_TEST(world->get(GetSandbox{"a"})->retries.size() == 1U);
  BOOST_TEST((world->events("a").back() == EventKind::retry_scheduled));
  // And it heals by itself.
  journal->broken.reset();
  BOOST_TEST(
      world->settle_until([&] { return runtime->count("clean task a") == 1; }, std::chrono::seconds(10)));
  BOOST_TEST(world->create("new").has_value());
  BOOST_TEST(world->start("new").has_value());
  BOOST_TEST(record("a").exit->status == 137U);
}

/// The disk fills up between Create and Start, or while the runtime starts it: the client is told, nothing
/// stays.
BOOST_AUTO_TEST_CASE(a_start_that_cannot_be_written_is_undone) {
  BOOST_REQUIRE(world->create("a"));
  journal->broken = full;
  BOOST_TEST((world->start("a").error().kind == ErrorKind::resource_exhausted));
  BOOST_TEST(runtime->count("start a") == 0U);
  journal->broken.reset();
  BOOST_TEST(world->settle_until([&] { return !has("a"); }));

  BOOST_REQUIRE(world->create("b"));
  auto started = world->ask(StartSandbox{"b"});
  while (runtime->count("start b") == 0) BOOST_REQUIRE(world->scheduler.try_run_once());
  journal->broken = full;
  world->settle_until([&] { return started->has_value(); });
  BOOST_TEST(((*started)->error().kind == ErrorKind::resource_exhausted));
  journal->broken.reset();
  BOOST_TEST(world->settle_until([&] { return runtime->processes.empty(); }, std::chrono::seconds(10)));
}

/// The journal was begun anew: it gets everything again.
BOOST_AUTO_TEST_CASE(a_journal_that_lost_everything_gets_everything) {
  world->run("a");
  world->run("b");
  const auto events = journal->contents.events.size();
  journal->contents = {};
  journal->next_failures = {Error{ErrorKind::aborted, "begun anew"}};
  world->run("c");
  BOOST_TEST(world->settle_until([&] { return has("a") && has("b") && has("c"); }));
  BOOST_TEST(journal->contents.events.size() >= events + 2);
  BOOST_TEST(journal->contents.events.front().sequence == 1U);
}

BOOST_AUTO_TEST_CASE(the_journals_actor_may_die_at_any_message) {
  for (int after = 0; after < 60; after += 3) {
    Journalled one;
    auto created = one.world->ask(CreateSandbox{World::spec("a")});
    for (int i = 0; i < after && one.world->scheduler.try_run_once(); ++i) {
    }
    one.world->kill(names::journal);
    BOOST_TEST(one.world->settle_until([&] { return created->has_value(); }));
    BOOST_TEST(one.world->start("a").has_value());
    BOOST_TEST(one.record("a").started.has_value());
  }
}

// -- the next life -------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_crash_between_any_two_messages_of_a_life) {
  for (int after = 0; after < 120; ++after) {
    Journalled one;
    auto created = one.world->ask(CreateSandbox{World::spec("a")});
    one.world->settle_until([&] { return created->has_value(); });
    auto started = one.world->ask(StartSandbox{"a"});
    for (int i = 0; i < after && one.world->scheduler.try_run_once(); ++i) {
    }
    const bool answered = started->has_value() && (*started)->has_value();
    one.crash();
    one.world->settle();
    one.world->advance(std::chrono::seconds(2));
    const auto phase = one.world->phase("a");
    BOOST_TEST_CONTEXT("crash after " << after << " messages") {
      // What was answered is kept; what was not is undone, or kept when it may have been.
      if (answered) BOOST_TEST((phase == Phase::ready));
      BOOST_TEST((phase == Phase::ready || phase == Phase::gone || phase == Phase::created));
      BOOST_TEST(one.runtime->processes.size() == (phase == Phase::ready ? 1U : 0U));
    }
  }
}

/// The process died while nobody looked: no answer says that it lives, and the exit is the true one.
BOOST_AUTO_TEST_CASE(an_exit_between_two_lives) {
  world->run("a");
  world->run("vanished");
  runtime->process_exits("a", 3, false);
  runtime->process_vanishes("vanished");
  crash();
  auto status = world->ask(SandboxStatus{"a", false});
  auto waiter = world->ask(WaitSandbox{"vanished"});
  world->settle();
  BOOST_REQUIRE(status->has_value());
  BOOST_TEST(((**status)->view.phase == Phase::notready));
  BOOST_TEST(world->get(WaitSandbox{"a"})->status == 3U);
  BOOST_TEST((**waiter)->status == unknown_exit_code);
}

/// While the runtime cannot tell, nothing is answered: neither that it is gone nor that it lives.
BOOST_AUTO_TEST_CASE(unknown_is_neither_gone_nor_alive) {
  world->run("a");
  runtime->inspect_errors["a"] = std::deque<Error>(20, Error{ErrorKind::unavailable, "no keeper"});
  crash();
  auto status = world->ask(SandboxStatus{"a", false});
  auto waiter = world->ask(WaitSandbox{"a"});
  world->advance(std::chrono::seconds(1));
  BOOST_TEST(!status->has_value());
  BOOST_TEST(!waiter->has_value());
  runtime->inspect_errors.clear();
  world->settle_until([&] { return status->has_value(); });
  BOOST_TEST(((**status)->view.phase == Phase::ready));
}

/// After a reboot everything that ran is gone, and said to be.
BOOST_AUTO_TEST_CASE(another_boot) {
  world->run("a");
  BOOST_REQUIRE(world->create("b"));
  runtime->processes.clear();
  crash("the boot before");
  BOOST_TEST((world->phase("a") == Phase::notready));
  BOOST_TEST(world->get(WaitSandbox{"a"})->status == unknown_exit_code);
  BOOST_TEST((world->phase("b") == Phase::created));
  BOOST_TEST(world->get(ShutdownSandbox{"a"}).has_value());
}

/// What failed is tried again, after the same wait, with the same count.
BOOST_AUTO_TEST_CASE(retries_go_on) {
  world->run("a");
  runtime->cleanup_errors["a"] = std::deque<Error>(6, Error{ErrorKind::internal, "busy"});
  runtime->process_exits("a", 3);
  world->advance(std::chrono::seconds(5));
  const auto before = world->get(GetSandbox{"a"})->retries;
  BOOST_REQUIRE(before.size() == 1U);
  crash();
  world->settle();
  const auto after = world->get(GetSandbox{"a"})->retries;
  BOOST_REQUIRE(after.size() == 1U);
  BOOST_TEST(after[0].attempts >= before[0].attempts);
  BOOST_TEST(world->settle_until([&] { return world->get(GetSandbox{"a"})->retries.empty(); },
                                 std::chrono::minutes(3)));
}

BOOST_AUTO_TEST_CASE(watchers_go_on_without_a_gap) {
  world->run("a");
  const auto before = world->get(ReadEvents{1});
  crash();
  world->run("b");
  const auto after = world->get(ReadEvents{before->next});
  BOOST_REQUIRE(after.has_value());
  BOOST_TEST(after->events.front()->sequence == before->next);
  BOOST_TEST(world->get(ReadEvents{1})->events.size() == after->next - 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
