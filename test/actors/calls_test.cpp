#include <boost/test/unit_test.hpp>

#include "test/actors/world.hpp"

/// The life of a sandbox as its clients see it, call by call.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(calls)

BOOST_AUTO_TEST_CASE(a_whole_life) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  BOOST_TEST((world.phase("a") == Phase::created));
  const auto started = world.start("a");
  BOOST_REQUIRE(started);
  BOOST_TEST((world.phase("a") == Phase::ready));
  BOOST_REQUIRE(world.get(StopSandbox{"a"}));
  BOOST_TEST((world.phase("a") == Phase::notready));
  const auto exit = world.get(WaitSandbox{"a"});
  BOOST_REQUIRE(exit);
  BOOST_TEST(exit->status == 137U);
  BOOST_REQUIRE(world.get(ShutdownSandbox{"a"}));
  BOOST_TEST((world.get(SandboxStatus{"a"}).error().kind == ErrorKind::not_found));
  BOOST_TEST(world.runtime->processes.empty());
}

BOOST_AUTO_TEST_CASE(unknown_sandboxes_are_not_found_and_shutdown_of_them_is_done) {
  World world;
  BOOST_TEST((world.start("a").error().kind == ErrorKind::not_found));
  BOOST_TEST((world.get(StopSandbox{"a"}).error().kind == ErrorKind::not_found));
  BOOST_TEST((world.get(WaitSandbox{"a"}).error().kind == ErrorKind::not_found));
  BOOST_TEST((world.get(GetSandbox{"a"}).error().kind == ErrorKind::not_found));
  BOOST_TEST(world.get(ShutdownSandbox{"a"}).has_value());
}

BOOST_AUTO_TEST_CASE(stop_before_start_is_done_and_stop_is_idempotent) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  BOOST_TEST(world.get(StopSandbox{"a"}).has_value());
  BOOST_TEST((world.phase("a") == Phase::created));
  BOOST_REQUIRE(world.start("a"));
  BOOST_TEST(world.get(StopSandbox{"a"}).has_value());
  BOOST_TEST(world.get(StopSandbox{"a"}).has_value());
  BOOST_TEST(world.runtime->count("kill a 9") == 1U);
}

BOOST_AUTO_TEST_CASE(stop_with_grace_terminates_then_kills) {
  World world;
  world.run("a");
  world.runtime->exits_on_kill = false;
  auto stopped = world.ask(StopSandbox{"a", std::chrono::seconds(5)});
  world.advance(std::chrono::seconds(4));
  BOOST_TEST(world.runtime->count("kill a 15") == 1U);
  BOOST_TEST(world.runtime->count("kill a 9") == 0U);
  BOOST_TEST((world.phase("a") == Phase::stopping));
  world.advance(std::chrono::seconds(2));
  BOOST_TEST(world.runtime->count("kill a 9") == 1U);
  BOOST_TEST(!stopped->has_value());
  world.runtime->process_exits("a", 137);
  world.settle();
  BOOST_REQUIRE(*stopped);
  BOOST_TEST((*stopped)->has_value());
}

/// An impatient second Stop does not wait for the first one's grace.
BOOST_AUTO_TEST_CASE(the_shortest_grace_counts) {
  World world;
  world.run("a");
  world.runtime->exits_on_kill = false;
  auto patient = world.ask(StopSandbox{"a", std::chrono::seconds(500)});
  world.settle();
  auto impatient = world.ask(StopSandbox{"a"});
  world.settle();
  BOOST_TEST(world.runtime->count("kill a 9") == 1U);
  world.runtime->process_exits("a", 137);
  world.settle();
  BOOST_TEST((patient->has_value() && impatient->has_value()));
}

BOOST_AUTO_TEST_CASE(stop_whose_caller_went_away_goes_on) {
  World world;
  world.run("a");
  world.runtime->exits_on_kill = false;
  auto stopped = world.ask(StopSandbox{"a", std::chrono::seconds(5)});
  world.settle();
  world.desk.caller_gone(world.last_call);
  world.advance(std::chrono::seconds(6));
  BOOST_TEST(world.runtime->count("kill a 9") == 1U);
}

/// A kill that the runtime refuses is told, and the sandbox is what it is: running.
BOOST_AUTO_TEST_CASE(a_failed_kill_leaves_it_ready) {
  World world;
  world.run("a");
  world.runtime->kill_errors["a"].push_back({ErrorKind::permission_denied, "not allowed"});
  BOOST_TEST((world.get(StopSandbox{"a"}).error().kind == ErrorKind::permission_denied));
  BOOST_TEST((world.phase("a") == Phase::ready));
  BOOST_TEST(world.get(StopSandbox{"a"}).has_value());
}

BOOST_AUTO_TEST_CASE(shutdown_works_in_every_phase) {
  World world;
  BOOST_REQUIRE(world.create("created"));
  BOOST_REQUIRE(world.create("starting"));
  world.runtime->hang_start.insert("starting");
  auto starting = world.ask(StartSandbox{"starting"});
  world.run("ready");
  world.run("stopped");
  BOOST_REQUIRE(world.get(StopSandbox{"stopped"}));
  auto waiter = world.ask(WaitSandbox{"ready"});
  for (const auto* id : {"created", "starting", "ready", "stopped"}) {
    BOOST_TEST(world.get(ShutdownSandbox{id}).has_value(), id);
  }
  BOOST_TEST(world.get(ListSandboxes{})->empty());
  BOOST_TEST(world.runtime->processes.empty());
  BOOST_REQUIRE(*starting);
  BOOST_TEST(((*starting)->error().kind == ErrorKind::aborted));
  BOOST_REQUIRE(*waiter);  // the true exit, not NOT_FOUND: it ran
  BOOST_TEST((**waiter)->status == 137U);
  BOOST_TEST(world.get(ShutdownSandbox{"ready"}).has_value());
}

BOOST_AUTO_TEST_CASE(waiters_before_while_and_after) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  auto before = world.ask(WaitSandbox{"a"});
  BOOST_REQUIRE(world.start("a"));
  auto during = world.ask(WaitSandbox{"a"});
  auto gone = world.ask(WaitSandbox{"a"});
  world.settle();
  world.desk.caller_gone(world.last_call);
  world.settle();
  BOOST_TEST(((*gone)->error().kind == ErrorKind::cancelled));
  BOOST_TEST(!before->has_value());
  world.runtime->process_exits("a", 42);
  world.settle();
  BOOST_REQUIRE((*before && *during));
  BOOST_TEST((**before)->status == 42U);
  BOOST_TEST((**during)->status == 42U);
  BOOST_TEST(world.get(WaitSandbox{"a"})->status == 42U);
  BOOST_TEST(world.desk.open() == 0U);
}

/// Nothing is kept for a waiter that went away, however long its sandbox lives.
BOOST_AUTO_TEST_CASE(a_waiter_that_goes_away_is_forgotten_at_once) {
  struct Nobody : Asker<Exit> {
    void answer(Result<Exit>) override {}
    void lost() override {}
    bool wanted() const override { return true; }
  };
  World world;
  world.run("a");
  auto asker = std::make_shared<Nobody>();
  const std::weak_ptr<Nobody> kept = asker;
  const auto gateway = find_actor<GatewayPort>(world.system, names::gateway);
  caf::anon_send(
      gateway, Call<WaitSandbox>{{"a"}, 77, Reply<Exit>(std::move(asker)), std::chrono::steady_clock::now()});
  world.settle();
  BOOST_TEST(!kept.expired());
  caf::anon_send(gateway, CallerGone{"a", 77});
  world.settle();
  BOOST_TEST(kept.expired());
}

BOOST_AUTO_TEST_CASE(update_changes_labels_and_extensions_or_nothing) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  UpdateSandbox update{"a", {"labels.x", "extensions"}, {{"x", "1"}, {"y", "2"}}, {{"e", {"t", "v"}}}};
  BOOST_REQUIRE(world.get(update));
  auto spec = world.get(GetSandbox{"a"})->view.spec;
  BOOST_TEST((spec->labels == Labels{{"x", "1"}}));
  BOOST_TEST(spec->extensions.at("e").value == "v");
  update.fields = {"labels", "runtime"};
  const auto refused = world.get(update);
  BOOST_TEST((refused.error().kind == ErrorKind::invalid_argument));
  BOOST_TEST(refused.error().message.find("\"runtime\"") != std::string::npos);
  BOOST_TEST((world.get(GetSandbox{"a"})->view.spec->labels == Labels{{"x", "1"}}));
  BOOST_REQUIRE(world.get(UpdateSandbox{"a", {"labels.x"}, {}, {}}));
  BOOST_TEST(world.get(GetSandbox{"a"})->view.spec->labels.empty());
}

/// A drain ends what only waits; what is being done is finished, also through a death.
BOOST_AUTO_TEST_CASE(a_drain_lets_work_finish) {
  World world;
  world.run("a");
  world.runtime->exits_on_kill = false;
  auto waiter = world.ask(WaitSandbox{"a"});
  auto stopped = world.ask(StopSandbox{"a"});
  world.settle();
  world.desk.drain({ErrorKind::unavailable, "draining"});
  BOOST_REQUIRE(*waiter);
  BOOST_TEST(((*waiter)->error().kind == ErrorKind::unavailable));
  BOOST_TEST(((**world.ask(SandboxStatus{"a"})).error().kind == ErrorKind::unavailable));
  world.kill_everybody();
  world.runtime->process_exits("a", 137);
  world.settle_until([&] { return stopped->has_value(); });
  BOOST_REQUIRE(*stopped);
  BOOST_TEST((*stopped)->has_value());
}

BOOST_AUTO_TEST_CASE(a_closed_desk_ends_every_call_with_its_reason) {
  World world;
  world.run("a");
  auto waiter = world.ask(WaitSandbox{"a"});
  world.settle();
  world.desk.close({ErrorKind::unavailable, "draining"});
  BOOST_REQUIRE(*waiter);
  BOOST_TEST(((*waiter)->error().kind == ErrorKind::unavailable));
  auto late = world.ask(WaitSandbox{"a"});
  BOOST_REQUIRE(*late);
  BOOST_TEST(((*late)->error().kind == ErrorKind::unavailable));
}

/// A client may be there before the actors are: what it asked is not lost with nobody to notice.
BOOST_AUTO_TEST_CASE(a_call_that_comes_before_root_is_answered) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("testing"));
  caf::actor_system system{config};
  auto& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  const auto settle = [&] {
    while (scheduler.try_run_once()) {
    }
  };
  CallDesk desk{system};
  bool answered = false;
  desk.submit(ListSandboxes{}, std::function<void(Result<std::vector<SandboxListing>>)>(
                                   [&](const Result<std::vector<SandboxListing>>&) { answered = true; }));
  settle();
  const auto runtime = std::make_shared<ScriptedRuntime>();
  RootSeed seed;
  seed.runtimes = {{RuntimeKind::linux, [&](caf::actor_system& sys) { return runtime->spawn(sys); }}};
  seed.desk = &desk;
  seed.give_up = [](const std::string&) {};
  const auto root = spawn_root(system, std::move(seed));
  settle();
  scheduler.advance_time(std::chrono::milliseconds(10));
  settle();
  BOOST_TEST(answered);
  desk.close(Error{ErrorKind::unavailable, "the test is over"});
  caf::anon_send(root, StopAll{});
  settle();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
