#include <boost/test/unit_test.hpp>

#include "test/actors/scripted_journal.hpp"
#include "test/actors/world.hpp"

/// Two runtimes in one daemon: each has its own sandboxes, and what becomes of it concerns no others.
namespace podsandbox::test {

namespace {

constexpr auto kind_linux = RuntimeKind::linux;
constexpr auto kind_other = RuntimeKind::containerd;
const Error silent{ErrorKind::unavailable, "containerd is away"};

/// "mine" is the linux runtime's, "theirs" the other's; the process can end, and the journal be lost with it.
struct Two {
  std::shared_ptr<ScriptedJournal> journal = std::make_shared<ScriptedJournal>();
  std::shared_ptr<ScriptedRuntime> runtime = std::make_shared<ScriptedRuntime>();
  std::shared_ptr<ScriptedRuntime> other = World::other_runtime();
  std::unique_ptr<World> world = std::make_unique<World>(journal, runtime, other);

  void run_both() {
    world->run("mine");
    world->run("theirs", kind_other);
  }

  void crash(bool journal_is_lost) {
    world->crash();
    world.reset();
    if (journal_is_lost) journal->contents = {};
    for (auto& [id, stored] : journal->contents.sandboxes) stored.boot_id = "this boot";
    world = std::make_unique<World>(journal, runtime, other);
  }

  /// The other runtime says nothing at all, or that it cannot say what it has, from now on.
  void silence_other(bool it_hangs) {
    other->hang_list = it_hangs;
    other->list_errors[""] = std::deque<Error>(1000, silent);
  }
  void end_silence() {
    other->hang_list = false;
    other->list_errors.clear();
  }

  ErrorKind error_of(const std::string& id) { return world->get(SandboxStatus{id}).error().kind; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(two_runtimes, Two)

BOOST_AUTO_TEST_CASE(each_has_its_own_sandboxes) {
  run_both();
  BOOST_TEST((runtime->processes.contains("mine") && !runtime->processes.contains("theirs")));
  BOOST_TEST((other->processes.contains("theirs") && !other->processes.contains("mine")));
  BOOST_TEST((world->get(SandboxStatus{"theirs", true})->process == other->processes.at("theirs")));
  BOOST_TEST(world->get(UpdateSandbox{"theirs", {"labels"}, {{"a", "b"}}, {}}).has_value());
  BOOST_TEST((world->get(GetSandbox{"theirs"})->view.spec->runtime == kind_other));
  BOOST_TEST(world->get(StopSandbox{"theirs"}).has_value());
  BOOST_TEST(world->get(ShutdownSandbox{"theirs"}).has_value());
  BOOST_TEST(world->get(ShutdownSandbox{"mine"}).has_value());
  BOOST_TEST((runtime->log == std::vector<std::string>{"start mine", "kill mine 9", "clean all mine"}));
  BOOST_TEST((other->log == std::vector<std::string>{"start theirs", "kill theirs 9", "clean task theirs",
                                                     "clean all theirs"}));
}

BOOST_AUTO_TEST_CASE(the_exits_of_both_are_delivered) {
  run_both();
  auto mine = world->ask(WaitSandbox{"mine"});
  auto theirs = world->ask(WaitSandbox{"theirs"});
  world->settle();
  other->process_exits("theirs", 7);
  world->settle();
  BOOST_REQUIRE(theirs->has_value());
  BOOST_TEST((**theirs)->status == 7U);
  BOOST_TEST(!mine->has_value());
  runtime->process_exits("mine", 8);
  world->settle();
  BOOST_REQUIRE(mine->has_value());
  BOOST_TEST((**mine)->status == 8U);
}

/// Told of to nobody: each is found by the inventory of its own runtime.
BOOST_AUTO_TEST_CASE(an_exit_that_was_lost_is_found_in_the_runtime_that_restarts) {
  for (const auto kind : all_runtime_kinds) {
    Two two;
    two.run_both();
    two.runtime->process_exits("mine", 3, false);
    two.other->process_exits("theirs", 3, false);
    two.world->kill(names::runtime(kind));
    two.world->settle();
    BOOST_TEST((two.world->phase("mine") == (kind == kind_linux ? Phase::notready : Phase::ready)));
    BOOST_TEST((two.world->phase("theirs") == (kind == kind_other ? Phase::notready : Phase::ready)));
  }
}

/// An inventory does not have those of the other runtime, which does not mean that they are gone.
BOOST_AUTO_TEST_CASE(an_inventory_says_nothing_of_another_runtimes_sandboxes) {
  run_both();
  const Error inspected{ErrorKind::internal, "asked"};
  runtime->inspect_errors["mine"] = {inspected};
  other->inspect_errors["theirs"] = {inspected};
  world->kill(names::runtime(kind_linux));
  world->kill(names::runtime(kind_other));
  world->advance(std::chrono::seconds(3));
  BOOST_TEST(runtime->inspect_errors["mine"].size() == 1U);  // nobody had a doubt
  BOOST_TEST(other->inspect_errors["theirs"].size() == 1U);
  BOOST_TEST((world->phase("mine") == Phase::ready));
  BOOST_TEST((world->phase("theirs") == Phase::ready));
}

/// What is under way in one is not begun again because the other died.
BOOST_AUTO_TEST_CASE(the_death_of_one_repeats_nothing_in_the_other) {
  BOOST_REQUIRE(world->create("mine"));
  BOOST_REQUIRE(world->create("theirs", kind_other));
  runtime->hang_start.insert("mine");
  other->hang_start.insert("theirs");
  world->ask(StartSandbox{"mine"});
  world->ask(StartSandbox{"theirs"});
  world->settle();
  world->kill(names::runtime(kind_other));
  world->advance(std::chrono::milliseconds(500));
  BOOST_TEST(runtime->count("start mine") == 1U);
  BOOST_TEST(other->count("start theirs") == 2U);
}

BOOST_AUTO_TEST_CASE(one_that_hangs_delays_nothing_of_the_other) {
  run_both();
  other->hang_cleanup.insert("theirs");
  other->process_exits("theirs", 1);
  other->hang_start.insert("stuck");
  BOOST_REQUIRE(world->create("stuck", kind_other));
  world->ask(StartSandbox{"stuck"});
  world->settle();
  world->run("another");
  for (const auto* const id : {"mine", "another"}) {
    auto stopped = world->ask(StopSandbox{id});
    auto removed = world->ask(ShutdownSandbox{id});
    world->settle();  // no time passes
    BOOST_TEST((stopped->has_value() && (*stopped)->has_value()));
    BOOST_TEST((removed->has_value() && (*removed)->has_value()));
  }
}

// -- one that is silent when the daemon starts ----------------------------------

BOOST_AUTO_TEST_CASE(a_silent_one_delays_no_recovery_of_the_other) {
  for (const bool hangs : {true, false}) {
    Two two;
    two.run_both();
    two.runtime->process_exits("mine", 3, false);
    two.silence_other(hangs);
    two.crash(false);
    auto status = two.world->ask(SandboxStatus{"mine"});
    auto waiter = two.world->ask(WaitSandbox{"mine"});
    two.world->settle();
    BOOST_REQUIRE((status->has_value() && waiter->has_value()));
    BOOST_TEST(((**status)->view.phase == Phase::notready));
    BOOST_TEST((**waiter)->status == 3U);
    // Nor of its own sandboxes, of which it can tell one by one.
    auto theirs = two.world->ask(SandboxStatus{"theirs"});
    two.world->settle();
    BOOST_REQUIRE(theirs->has_value());
    BOOST_TEST(((**theirs)->view.phase == Phase::ready));
  }
}

/// Neither gone nor alive, and nobody else is concerned.
BOOST_AUTO_TEST_CASE(calls_for_a_sandbox_of_a_silent_one_wait_until_it_tells) {
  run_both();
  silence_other(false);
  other->inspect_errors["theirs"] = std::deque<Error>(20, silent);
  crash(false);
  auto status = world->ask(SandboxStatus{"theirs"});
  auto waiter = world->ask(WaitSandbox{"theirs"});
  auto stopped = world->ask(StopSandbox{"theirs"});
  world->advance(std::chrono::seconds(5));
  BOOST_TEST((!status->has_value() && !waiter->has_value() && !stopped->has_value()));
  BOOST_TEST((world->phase("mine") == Phase::ready));
  other->inspect_errors.clear();
  BOOST_TEST(world->settle_until([&] { return stopped->has_value() && waiter->has_value(); }));
  BOOST_TEST(((**status)->view.phase == Phase::ready));
  BOOST_TEST((**waiter)->status == 137U);
}

BOOST_AUTO_TEST_CASE(a_silent_one_delays_no_new_sandbox_of_the_other) {
  for (const bool hangs : {true, false}) {
    Two two;
    two.silence_other(hangs);
    two.crash(false);
    auto created = two.world->ask(CreateSandbox{World::spec("new")});
    two.world->settle();
    BOOST_REQUIRE(created->has_value());
    BOOST_TEST((*created)->has_value());
    BOOST_TEST(two.world->start("new").has_value());
    auto theirs = two.world->ask(CreateSandbox{World::spec("newer", {}, kind_other)});
    two.world->advance(std::chrono::seconds(11));
    BOOST_REQUIRE(theirs->has_value());
    BOOST_TEST(((*theirs)->error().kind == ErrorKind::unavailable));
    two.end_silence();
    two.world->advance(std::chrono::seconds(11));
    BOOST_TEST(two.world->create("newer", kind_other).has_value());
  }
}

// -- and the journal is lost ------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_both_have_goes_on) {
  run_both();
  other->specs["theirs"] = World::spec("theirs");  // of a version that did not know of runtimes
  crash(true);
  BOOST_TEST((world->phase("mine") == Phase::ready));
  BOOST_TEST((world->phase("theirs") == Phase::ready));
  BOOST_TEST((world->get(GetSandbox{"theirs"})->view.spec->runtime == kind_other));
  BOOST_TEST((journal->contents.sandboxes.at("theirs").record.spec->runtime == kind_other));
  BOOST_TEST(world->get(ShutdownSandbox{"theirs"}).has_value());
  BOOST_TEST(other->processes.empty());
  BOOST_TEST(runtime->processes.size() == 1U);
}

/// What one has told of is served; of what nobody has told, only all of them can say that it does not exist.
BOOST_AUTO_TEST_CASE(unknown_is_not_gone_while_one_is_silent) {
  for (const bool hangs : {true, false}) {
    Two two;
    two.run_both();
    two.silence_other(hangs);
    two.crash(true);
    auto mine = two.world->ask(SandboxStatus{"mine"});
    auto theirs = two.world->ask(SandboxStatus{"theirs"});
    auto waiter = two.world->ask(WaitSandbox{"theirs"});
    auto removed = two.world->ask(ShutdownSandbox{"never"});
    two.world->settle();
    BOOST_REQUIRE(mine->has_value());
    BOOST_TEST(((**mine)->view.phase == Phase::ready));
    two.world->kill(names::runtime(kind_linux));  // what it tells once more says nothing of the other's
    two.world->settle();
    BOOST_TEST((!theirs->has_value() && !removed->has_value()));
    two.world->advance(std::chrono::seconds(11));
    BOOST_REQUIRE((theirs->has_value() && waiter->has_value() && removed->has_value()));
    BOOST_TEST(((*theirs)->error().kind == ErrorKind::unavailable));
    BOOST_TEST((*theirs)->error().message.find("the containerd runtime does not say: ") != std::string::npos,
               (*theirs)->error().message);
    BOOST_TEST(((*waiter)->error().kind == ErrorKind::unavailable));
    BOOST_TEST(((*removed)->error().kind == ErrorKind::unavailable));
    two.end_silence();
    two.world->advance(std::chrono::seconds(11));
    BOOST_TEST((two.world->phase("theirs") == Phase::ready));
    BOOST_TEST((two.error_of("never") == ErrorKind::not_found));
    BOOST_TEST(two.world->get(ShutdownSandbox{"never"}).has_value());
  }
}

/// The other way round: it is the linux runtime that is silent.
BOOST_AUTO_TEST_CASE(each_may_be_the_silent_one) {
  run_both();
  runtime->list_errors[""] = std::deque<Error>(3, silent);
  crash(true);
  BOOST_TEST((world->phase("theirs") == Phase::ready));
  BOOST_TEST((error_of("mine") == ErrorKind::unavailable));
  BOOST_TEST(world->create("new", kind_other).has_value());
  world->advance(std::chrono::seconds(4));
  BOOST_TEST((world->phase("mine") == Phase::ready));
}

/// A call that waits is served as soon as its sandbox is known: the runtime has more to tell, which takes.
BOOST_AUTO_TEST_CASE(an_id_that_a_runtime_told_of_is_served_at_once) {
  run_both();
  world->run("stubborn", kind_other);
  other->recall_errors["stubborn"] = std::deque<Error>(1000, silent);
  other->list_errors[""] = {silent};
  crash(true);
  auto theirs = world->ask(SandboxStatus{"theirs"});
  auto stubborn = world->ask(SandboxStatus{"stubborn"});
  auto created = world->ask(CreateSandbox{World::spec("new", {}, kind_other)});
  world->settle();
  BOOST_TEST(!theirs->has_value());
  world->advance(std::chrono::milliseconds(1100));  // the second time it tells, but not of everything
  BOOST_REQUIRE(theirs->has_value());
  BOOST_TEST(((**theirs)->view.phase == Phase::ready));
  world->advance(std::chrono::seconds(3));
  BOOST_TEST((!stubborn->has_value() && !created->has_value()));
  other->recall_errors.clear();
  BOOST_TEST(world->settle_until([&] { return stubborn->has_value() && created->has_value(); }));
  BOOST_TEST(((**stubborn)->view.phase == Phase::ready));
  BOOST_TEST((*created)->has_value());
}

/// The configuration changed between a Create and its repetition, and the journal is lost, too.
BOOST_AUTO_TEST_CASE(nobody_takes_an_id_that_the_other_runtime_is_about_to_tell_of) {
  run_both();
  other->recall_errors["theirs"] = {silent, silent};
  crash(true);
  auto created = world->ask(CreateSandbox{World::spec("theirs")});
  world->advance(std::chrono::milliseconds(500));
  BOOST_TEST(!created->has_value());
  BOOST_TEST(world->settle_until([&] { return created->has_value(); }));
  BOOST_TEST(((*created)->error().kind == ErrorKind::already_exists));
  BOOST_TEST((world->get(GetSandbox{"theirs"})->view.spec->runtime == kind_other));
}

/// The supervisor's successor does not forget who has told, and asks who has not.
BOOST_AUTO_TEST_CASE(the_supervisor_may_die_while_one_is_silent) {
  run_both();
  silence_other(true);
  crash(true);
  world->kill(names::supervisor);
  world->settle();
  BOOST_TEST((world->phase("mine") == Phase::ready));
  BOOST_TEST(world->create("new").has_value());
  auto theirs = world->ask(SandboxStatus{"theirs"});
  world->settle();
  BOOST_TEST(!theirs->has_value());
  end_silence();
  world->kill(names::supervisor);
  BOOST_TEST(world->settle_until([&] { return theirs->has_value(); }, std::chrono::seconds(1)));
  BOOST_TEST(((**theirs)->view.phase == Phase::ready));
}

/// One id, two runtimes: nobody touches what is not the sandbox's own.
BOOST_AUTO_TEST_CASE(an_id_of_both_is_the_one_that_is_known) {
  run_both();
  other->specs["mine"] = World::spec("mine");
  other->processes["mine"] = {"mine", 77, 770, {}};
  crash(false);
  BOOST_TEST(world->get(SandboxStatus{"mine"})->view.started->pid == runtime->processes.at("mine").pid);
  other->process_exits("mine", 5);
  world->settle();
  BOOST_TEST((world->phase("mine") == Phase::ready));
  BOOST_TEST(world->get(ShutdownSandbox{"mine"}).has_value());
  BOOST_TEST(other->processes.contains("mine"));
}

BOOST_AUTO_TEST_CASE(a_crash_between_any_two_messages_of_taking_over_from_both) {
  for (int after = 0; after < 120; ++after) {
    Two two;
    two.run_both();
    two.other->list_errors[""] = {silent};
    two.crash(true);
    two.world->scheduler.advance_time(std::chrono::seconds(1));
    for (int i = 0; i < after && two.world->scheduler.try_run_once(); ++i) {
    }
    two.crash(false);
    BOOST_TEST_CONTEXT("crash after " << after << " messages") {
      BOOST_TEST((two.world->phase("mine") == Phase::ready));
      BOOST_TEST((two.world->phase("theirs") == Phase::ready));
      BOOST_TEST((two.error_of("never") == ErrorKind::not_found));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
