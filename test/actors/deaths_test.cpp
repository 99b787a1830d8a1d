#include <boost/test/unit_test.hpp>
#include <caf/scoped_actor.hpp>

#include "test/actors/world.hpp"

/// Any actor may die between any two messages: callers notice latency at most, and nothing is lost.
namespace podsandbox::test {

namespace {

const std::vector killable = {names::gateway,
                              names::supervisor,
                              names::exits,
                              names::hub,
                              names::runtime(RuntimeKind::linux),
                              names::runtime(RuntimeKind::containerd)};

/// An actor that does nothing but be there.
Companion companion_of(std::function<void(const caf::actor&)> made) {
  return {caf::atom("companion"), [made = std::move(made)](caf::actor_system& system) {
            const caf::actor actor = system.spawn([]() -> caf::behavior { return {[](int) {}}; });
            made(actor);
            return caf::actor_cast<caf::strong_actor_ptr>(actor);
          }};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(deaths)

BOOST_AUTO_TEST_CASE(waiters_survive_the_death_of_everybody) {
  World world;
  world.run("a");
  auto waiter = world.ask(WaitSandbox{"a"});
  world.settle();
  for (const auto name : killable) {
    world.kill(name);
    world.advance(std::chrono::milliseconds(10));
    BOOST_TEST(!waiter->has_value(), caf::to_string(name));
  }
  world.kill_sandbox("a");
  world.advance(std::chrono::milliseconds(10));
  BOOST_TEST(!waiter->has_value());
  world.runtime->process_exits("a", 77);
  world.settle_until([&] { return waiter->has_value(); });
  BOOST_REQUIRE(*waiter);
  BOOST_TEST((**waiter)->status == 77U);
}

BOOST_AUTO_TEST_CASE(a_new_incarnation_is_counted_and_told) {
  World world;
  world.run("a");
  world.kill_sandbox("a");
  world.settle();
  BOOST_TEST(world.get(GetSandbox{"a"})->incarnation == 2U);
  BOOST_TEST((world.events("a").back() == EventKind::actor_restarted));
  BOOST_TEST((world.phase("a") == Phase::ready));
}

/// The exit happened while its sandbox had no actor that lived to see it.
BOOST_AUTO_TEST_CASE(an_exit_during_a_death_is_delivered) {
  for (const bool seen : {true, false}) {
    World world;
    world.run("a");
    auto waiter = world.ask(WaitSandbox{"a"});
    world.settle();
    world.kill_sandbox("a");
    world.runtime->process_exits("a", 11, seen);
    world.settle_until([&] { return waiter->has_value(); });
    BOOST_REQUIRE(*waiter);
    BOOST_TEST((**waiter)->status == 11U);
  }
}

/// The runtime dies while it works on a Start: its successor is asked again, not after a timeout but at once.
BOOST_AUTO_TEST_CASE(a_step_is_taken_to_the_next_runtime) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  world.runtime->hang_start.insert("a");
  auto started = world.ask(StartSandbox{"a"});
  world.settle();
  world.runtime->hang_start.clear();
  world.kill(names::runtime(RuntimeKind::linux));
  world.advance(std::chrono::milliseconds(200));
  BOOST_REQUIRE(*started);
  BOOST_TEST((*started)->has_value());
}

/// A process that exits while it is being started, and nobody lives who heard of it.
BOOST_AUTO_TEST_CASE(an_early_exit_survives_the_supervisor) {
  World world;
  BOOST_REQUIRE(world.create("a"));
  auto waiter = world.ask(WaitSandbox{"a"});
  auto started = world.ask(StartSandbox{"a"});
  while (world.runtime->processes.empty()) BOOST_REQUIRE(world.scheduler.try_run_once());
  world.runtime->process_exits("a", 9);
  world.kill(names::supervisor);
  world.settle_until([&] { return waiter->has_value(); });
  BOOST_REQUIRE((*started && *waiter));
  BOOST_TEST((**waiter)->status == 9U);
}

/// What was known before the calls came is known to the incarnation that they waited for.
BOOST_AUTO_TEST_CASE(calls_that_waited_for_an_incarnation_see_the_exit) {
  World world;
  world.run("a");
  for (int i = 0; i < 6; ++i) {
    world.kill_sandbox("a");
    world.settle();
  }
  auto status = world.ask(SandboxStatus{"a"});
  world.settle();
  world.runtime->process_exits("a", 3);
  world.advance(std::chrono::milliseconds(1100));
  BOOST_REQUIRE(*status);
  BOOST_TEST(((**status)->view.phase == Phase::notready));
}

/// The waiter is on its way to the next incarnation while the sandbox exits and is removed.
BOOST_AUTO_TEST_CASE(a_waiter_on_its_way_gets_the_exit_of_a_removed_sandbox) {
  World world;
  world.run("a");
  auto waiter = world.ask(WaitSandbox{"a"});
  world.settle();
  world.kill_sandbox("a");
  auto removed = world.ask(ShutdownSandbox{"a"});
  world.settle();
  BOOST_REQUIRE(*removed);
  BOOST_TEST(!waiter->has_value());
  world.settle_until([&] { return waiter->has_value(); });
  BOOST_REQUIRE((*waiter && (*waiter)->has_value()));
  BOOST_TEST((**waiter)->status == 137U);
  BOOST_TEST((world.get(WaitSandbox{"a"}).error().kind == ErrorKind::not_found));
}

/// One who asks and does not look at the answer.
struct Patient : Asker<Done> {
  void answer(Result<Done>) override {}
  void lost() override {}
  bool wanted() const override { return true; }
};

BOOST_AUTO_TEST_CASE(an_answer_to_an_earlier_sandbox_of_the_same_id_changes_nothing) {
  World world;
  world.run("a");
  // Its exit is being handled, which hangs, when it is removed; whoever hears of that makes another one at
  // once.
  world.runtime->hang_cleanup.insert("a");
  world.runtime->process_exits("a", 3);
  world.settle();
  world.runtime->hang_cleanup.clear();
  world.kill(names::runtime(RuntimeKind::linux));
  bool removed = false;
  world.desk.submit(
      ShutdownSandbox{"a"}, std::function<void(Result<Done>)>([&](const Result<Done>& done) {
        removed = done.has_value();
        // By the shortest way: before what the one that ends has still to say.
        const auto supervisor = find_actor<SupervisorPort>(world.system, names::supervisor);
        caf::anon_send(supervisor, Call<CreateSandbox>{
                                       {World::spec("a")}, 0, Reply<Done>(std::make_shared<Patient>()), {}});
        caf::anon_send(supervisor, TaskExit{"a", 7, 7, Exit{9, {}}});
      }));
  world.settle_until([&] { return removed; });
  BOOST_REQUIRE(removed);
  world.settle();
  BOOST_TEST((world.phase("a") == Phase::created));
  BOOST_TEST(world.start("a").has_value());
  BOOST_TEST(world.get(GetSandbox{"a"})->retries.empty());
}

BOOST_AUTO_TEST_CASE(a_record_of_an_earlier_incarnation_is_refused) {
  World world;
  world.run("a");
  caf::scoped_actor self{world.system};
  SandboxRecord stale;
  stale.spec = World::spec("a");
  self->send(find_actor<SupervisorPort>(world.system, names::supervisor), SaveRecord{stale, 0, {}});
  world.settle();
  BOOST_TEST(world.get(GetSandbox{"a"})->view.started.has_value());
}

/// A sandbox whose actor dies all the time is restarted with a pause, not given up, and its calls wait.
BOOST_AUTO_TEST_CASE(an_actor_that_dies_too_often_gets_a_pause) {
  World world;
  world.run("a");
  for (int i = 0; i < 6; ++i) {
    world.kill_sandbox("a");
    world.settle();
  }
  auto status = world.ask(SandboxStatus{"a"});
  world.advance(std::chrono::milliseconds(100));
  BOOST_TEST(!status->has_value());
  world.advance(std::chrono::seconds(1));
  BOOST_REQUIRE(*status);
  BOOST_TEST(((**status)->view.phase == Phase::ready));
}

BOOST_AUTO_TEST_CASE(root_gives_up_when_restarting_does_not_help) {
  World world({}, RestartIntensity(3, std::chrono::seconds(10)));
  for (int i = 0; i < 3; ++i) {
    world.kill(names::gateway);
    world.settle();
  }
  BOOST_TEST(!world.gave_up);
  world.kill(names::gateway);
  world.settle();
  BOOST_REQUIRE(world.gave_up);
  BOOST_TEST(world.gave_up->find("gateway") != std::string::npos);
}

/// An actor that the daemon adds is supervised as the others are.
BOOST_AUTO_TEST_CASE(a_companion_is_restarted) {
  std::vector<caf::actor_addr> incarnations;
  const Companion companion =
      companion_of([&](const caf::actor& made) { incarnations.push_back(made.address()); });
  World world({}, RestartIntensity(2, std::chrono::seconds(10)), {companion});
  for (std::size_t n = 1; n <= 3; ++n) {
    BOOST_REQUIRE(incarnations.size() == n);
    BOOST_TEST((world.system.registry().get<caf::actor>(companion.name) == incarnations.back()));
    BOOST_TEST(!world.gave_up);
    world.kill(companion.name);
    world.settle();
  }
  BOOST_REQUIRE(world.gave_up);
  BOOST_TEST(world.gave_up->find("companion") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_companion_is_stopped_with_the_others) {
  bool ended = false;
  const Companion companion = companion_of([&](const caf::actor& made) {
    caf::actor_cast<caf::abstract_actor*>(made)->attach_functor([&](const caf::error&) { ended = true; });
  });
  World world({}, RestartIntensity(1, std::chrono::seconds(10)), {companion});
  BOOST_TEST(!ended);
  caf::anon_send(world.root, StopAll{});
  world.settle();
  BOOST_TEST(ended);
  BOOST_TEST(!world.system.registry().get<caf::actor>(companion.name));
}

/// Nobody is above root: the process must end, and be started again.
BOOST_AUTO_TEST_CASE(the_death_of_root_is_the_end) {
  World world;
  world.kill(names::root);
  world.settle();
  BOOST_REQUIRE(world.gave_up);
  BOOST_TEST(world.gave_up->find("root") != std::string::npos);
}

/// The heart of it: one life (create, start, exit, stop, shutdown, with a waiter), and in it one actor killed
/// after the n-th message, for every n and every actor. Each life must look the same from outside, whichever
/// runtime it is led in.
template <class Kill>
std::size_t live_with_a_death_at(std::size_t n, RuntimeKind kind, Kill kill) {
  World world;
  auto& runtime = kind == RuntimeKind::linux ? *world.runtime : *world.other;
  std::size_t messages = 0;
  bool killed = false;
  const auto run_until = [&](const std::function<bool()>& done) {
    for (int rounds = 0; rounds < 5000 && !done(); ++rounds) {
      if (!world.scheduler.try_run_once()) {
        world.scheduler.advance_time(std::chrono::milliseconds(2));
      } else if (++messages == n && !killed) {
        killed = true;
        kill(world);
      }
    }
    return done();
  };
  const auto answered = [&](auto request) {
    auto outcome = world.ask(std::move(request));
    BOOST_REQUIRE_MESSAGE(run_until([&] { return outcome->has_value(); }), "unanswered, death at " << n);
    BOOST_REQUIRE_MESSAGE((*outcome)->has_value(), (*outcome)->error().message << ", death at " << n);
    return ***outcome;
  };
  answered(CreateSandbox{World::spec("a", {}, kind)});
  auto waiter = world.ask(WaitSandbox{"a"});
  const auto started = answered(StartSandbox{"a"});
  BOOST_TEST(started.pid == runtime.processes.at("a").pid);
  BOOST_TEST(answered(SandboxStatus{"a"}).view.started->pid == started.pid);
  runtime.process_exits("a", 42);
  BOOST_REQUIRE_MESSAGE(run_until([&] { return waiter->has_value(); }), "no exit, death at " << n);
  BOOST_REQUIRE_MESSAGE((*waiter)->has_value(), (*waiter)->error().message << ", death at " << n);
  BOOST_TEST((**waiter)->status == 42U);
  answered(StopSandbox{"a"});
  answered(ShutdownSandbox{"a"});
  BOOST_TEST(answered(ListSandboxes{}).empty());
  BOOST_TEST(runtime.processes.empty());
  BOOST_TEST(world.desk.open() == 0U);
  BOOST_TEST(!world.gave_up);
  return messages;
}

BOOST_AUTO_TEST_CASE(any_actor_may_die_after_any_message) {
  for (const auto kind : all_runtime_kinds) {
    for (const auto name : killable) {
      std::size_t n = 1;
      while (live_with_a_death_at(n, kind, [&](World& world) { world.kill(name); }) >= n) ++n;
      BOOST_TEST_MESSAGE(to_string(kind)
                         << " sandbox, " << caf::to_string(name) << ": " << n - 1 << " deaths");
      BOOST_TEST(n > 20U);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_sandbox_may_die_after_any_message) {
  const auto kill = [](World& world) {
    // Asked of the supervisor directly: a call through the desk would be part of the life under test.
    auto address = std::make_shared<caf::actor_addr>();
    struct Ask : Asker<SandboxListing> {
      explicit Ask(std::shared_ptr<caf::actor_addr> a) : address(std::move(a)) {}
      void answer(Result<SandboxListing> listing) override {
        if (listing) *address = listing->actor;
      }
      void lost() override {}
      bool wanted() const override { return true; }
      std::shared_ptr<caf::actor_addr> address;
    };
    const auto supervisor = find_actor<SupervisorPort>(world.system, names::supervisor);
    caf::anon_send(supervisor,
                   Call<GetSandbox>{{"a"}, 0, Reply<SandboxListing>(std::make_shared<Ask>(address)), {}});
    world.scheduler.prioritize(supervisor);
    world.scheduler.run_once();
    if (const auto actor = caf::actor_cast<caf::actor>(*address)) {
      caf::anon_send<caf::message_priority::high>(actor, caf::exit_msg{nullptr, caf::exit_reason::kill});
    }
  };
  for (const auto kind : all_runtime_kinds) {
    std::size_t n = 1;
    while (live_with_a_death_at(n, kind, kill) >= n) ++n;
    BOOST_TEST_MESSAGE(to_string(kind) << " sandbox: " << n - 1 << " deaths");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
