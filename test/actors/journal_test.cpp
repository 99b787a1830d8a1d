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

  /// What it has not answered is written again.
  void the_disk_answers() {
    journal->hangs = false;
    world->kill(names::journal);
    world->advance(std::chrono::seconds(2));
  }

  /// The process ends without a word, and another one starts. What the runtime has runs on.
  void crash(const std::string& boot = "this boot") {
    world->crash();
    world.reset();
    for (auto& [id, stored] : journal->contents.sandboxes) stored.boot_id = boot;
    world = std::make_unique<World>(journal, runtime);
  }

  void power_cut() {
    journal->contents = journal->on_disk;
    runtime->processes.clear();
    crash("the boot before");
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

/// A crash must not bring back what somebody was told is gone.
BOOST_AUTO_TEST_CASE(a_second_shutdown_is_answered_when_the_first_one_is_written) {
  world->run("a");
  runtime->process_exits("a", 0);
  world->settle();
  auto first = world->ask(ShutdownSandbox{"a"});
  for (int i = 0; i < 200 && runtime->count("clean all a") == 0; ++i) world->scheduler.try_run_once();
  journal->hangs = true;
  world->settle();
  BOOST_REQUIRE(runtime->count("clean all a") == 1U);
  auto second = world->ask(ShutdownSandbox{"a"});
  world->settle();
  BOOST_TEST(!first->has_value());
  BOOST_TEST(!second->has_value());
  BOOST_TEST(has("a"));
  the_disk_answers();
  BOOST_REQUIRE((first->has_value() && second->has_value()));
  BOOST_TEST((*first)->has_value());
  BOOST_TEST((*second)->has_value());
  BOOST_TEST(!has("a"));
}

/// Nobody waits for this sandbox when it is on the disk at last.
BOOST_AUTO_TEST_CASE(a_create_whose_caller_waited_no_longer_for_the_disk_is_undone) {
  for (const bool goes_first : {true, false}) {
    journal->hangs = true;
    auto created = world->ask(CreateSandbox{World::spec("a")});
    if (!goes_first) world->settle();
    world->desk.caller_gone(world->last_call);
    world->settle();
    BOOST_TEST(((*created)->error().kind == ErrorKind::cancelled));
    the_disk_answers();
    BOOST_TEST((world->get(GetSandbox{"a"}).error().kind == ErrorKind::not_found));
    BOOST_TEST(!has("a"));
  }
}

BOOST_AUTO_TEST_CASE(one_of_two_creators_going_away_harms_nobody) {
  for (const bool first_goes : {true, false}) {
    const std::string id = first_goes ? "a" : "b";
    journal->hangs = true;
    auto first = world->ask(CreateSandbox{World::spec(id)});
    const auto first_call = world->last_call;
    auto second = world->ask(CreateSandbox{World::spec(id)});
    world->settle();
    world->desk.caller_gone(first_goes ? first_call : world->last_call);
    world->settle();
    const auto& stays = first_goes ? second : first;
    BOOST_TEST(!stays->has_value());
    the_disk_answers();
    BOOST_REQUIRE(*stays);
    BOOST_TEST((*stays)->has_value());
    BOOST_TEST((world->phase(id) == Phase::created));
  }
}

BOOST_AUTO_TEST_CASE(the_caller_of_another_create_going_away_takes_nothing) {
  journal->hangs = true;
  auto first = world->ask(CreateSandbox{World::spec("a")});
  world->ask(CreateSandbox{World::spec("a", "other")});
  world->desk.caller_gone(world->last_call);
  world->settle();
  the_disk_answers();
  BOOST_REQUIRE(*first);
  BOOST_TEST((*first)->has_value());
  BOOST_TEST((world->phase("a") == Phase::created));
}

/// Whoever starts it knows of it.
BOOST_AUTO_TEST_CASE(one_that_is_being_started_outlives_the_caller_of_its_create) {
  journal->hangs = true;
  world->ask(CreateSandbox{World::spec("a")});
  const auto create = world->last_call;
  auto started = world->ask(StartSandbox{"a"});
  world->settle();
  world->desk.caller_gone(create);
  world->settle();
  the_disk_answers();
  BOOST_REQUIRE(*started);
  BOOST_TEST((*started)->has_value());
  BOOST_TEST((world->phase("a") == Phase::ready));
}

/// A successor does not know whether its predecessor has answered.
BOOST_AUTO_TEST_CASE(a_successor_takes_nothing_away_for_lack_of_a_creator) {
  journal->hangs = true;
  auto created = world->ask(CreateSandbox{World::spec("a")});
  const auto call = world->last_call;
  world->settle();
  world->kill_sandbox("a");
  world->advance(std::chrono::milliseconds(10));  // the call is lost and sent again
  world->desk.caller_gone(call);
  world->settle();
  the_disk_answers();
  BOOST_TEST((world->phase("a") == Phase::created));
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

/// What its predecessor could not write down the next incarnation has to.
BOOST_AUTO_TEST_CASE(remains_stay_when_the_actor_dies_before_the_exit_is_written) {
  world->run("a");
  journal->broken = full;
  runtime->process_exits("a", 3);
  world->settle();
  BOOST_TEST(runtime->count("clean task a") == 0U);
  world->kill_sandbox("a");
  world->settle();
  BOOST_TEST(runtime->count("clean task a") == 0U);
  BOOST_TEST(world->get(WaitSandbox{"a"})->status == 3U);
  journal->broken.reset();
  BOOST_TEST(
      world->settle_until([&] { return runtime->count("clean task a") > 0; }, std::chrono::minutes(1)));
  BOOST_TEST(record("a").exit->status == 3U);
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

/// What was created exists, also for whoever asks for it again while nothing can be written.
BOOST_AUTO_TEST_CASE(a_full_disk_takes_nothing_back) {
  BOOST_REQUIRE(world->create("a"));
  journal->broken = full;
  BOOST_TEST((world->create("a").error().kind == ErrorKind::resource_exhausted));
  BOOST_TEST((world->phase("a") == Phase::created));
  journal->broken.reset();
  world->advance(std::chrono::seconds(2));
  BOOST_TEST(world->create("a").has_value());
  BOOST_TEST(world->start("a").has_value());
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
  BOOST_TEST((world->phase("b") == Phase::gone));  // whether it was being started nobody knows
  BOOST_TEST(world->get(ShutdownSandbox{"a"}).has_value());
}

/// What a client was told holds after a power cut, too.
BOOST_AUTO_TEST_CASE(a_power_cut_between_any_two_messages_of_a_life) {
  for (int after = 0; after < 120; ++after) {
    Journalled one;
    BOOST_REQUIRE(one.world->create("a"));
    auto started = one.world->ask(StartSandbox{"a"});
    for (int i = 0; i < after && one.world->scheduler.try_run_once(); ++i) {
    }
    const bool answered = started->has_value() && (*started)->has_value();
    const auto told = one.world->get(ReadEvents{1});
    one.power_cut();
    one.world->advance(std::chrono::seconds(2));
    const auto phase = one.world->phase("a");
    BOOST_TEST_CONTEXT("power cut after " << after << " messages") {
      BOOST_TEST((phase == Phase::notready || phase == Phase::created || phase == Phase::gone));
      if (answered) BOOST_TEST((phase == Phase::notready));
      BOOST_TEST(one.world->get(ReadEvents{1})->events.size() >= told->events.size());
      BOOST_TEST(one.world->get(ShutdownSandbox{"a"}).has_value());
    }
  }
}

/// Wishes need not survive a power cut, so a pod waits for the disk as often as something happens to it.
BOOST_AUTO_TEST_CASE(how_often_a_life_waits_for_the_disk) {
  std::size_t before = 0;
  const auto waits = [&] {
    return journal->waits_for_the_disk - std::exchange(before, journal->waits_for_the_disk);
  };
  BOOST_REQUIRE(world->create("a"));
  BOOST_TEST(waits() == 1U);
  BOOST_REQUIRE(world->start("a"));
  world->settle();
  BOOST_TEST(waits() == 1U);
  BOOST_REQUIRE(world->get(StopSandbox{"a", std::chrono::seconds(0)}));
  world->settle();
  BOOST_TEST(waits() == 2U);  // exited, cleaned
  const auto writes = journal->writes;
  BOOST_REQUIRE(world->get(StopSandbox{"a", std::chrono::seconds(0)}));
  world->settle();
  BOOST_TEST(journal->writes == writes);  // nothing new
  BOOST_REQUIRE(world->get(ShutdownSandbox{"a"}));
  world->settle();
  BOOST_TEST(waits() == 1U);
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
