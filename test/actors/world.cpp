#include "test/actors/world.hpp"

#include <algorithm>
#include <caf/send.hpp>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "messages/log.hpp"
#include "proto/cri.pb.h"

namespace podsandbox::test {

namespace {

constexpr auto tick = std::chrono::milliseconds(2);  // what a lost call waits

caf::scheduler::test_coordinator& test_scheduler(caf::actor_system& system) {
  return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
}

void kill_now(const caf::strong_actor_ptr& pointer) {
  const auto actor = caf::actor_cast<caf::actor>(pointer);
  if (!actor) return;
  caf::anon_send<caf::message_priority::high>(actor, caf::exit_msg{nullptr, caf::exit_reason::kill});
}

}  // namespace

World::World(Settings settings, RestartIntensity intensity, std::vector<Companion> companions)
    : scheduler(test_scheduler(system)) {
  RootSeed seed;
  seed.settings = settings;
  seed.intensity = intensity;
  seed.companions = std::move(companions);
  begin(std::move(seed));
}

World::World(std::shared_ptr<ScriptedJournal> journal, std::shared_ptr<ScriptedRuntime> earlier_runtime,
             std::shared_ptr<ScriptedRuntime> other_earlier_runtime)
    : scheduler(test_scheduler(system)),
      runtime(std::move(earlier_runtime)),
      other(std::move(other_earlier_runtime)) {
  RootSeed seed;
  seed.settings.backoff.jitter = 0;
  seed.intensity = {1000, std::chrono::seconds(1)};
  seed.restored = journal->contents;
  seed.boot_id = "this boot";
  seed.make_journal = [journal](caf::actor_system& sys) { return journal->spawn(sys); };
  begin(std::move(seed));
}

void World::begin(RootSeed seed) {
  if (std::getenv("PODSANDBOX_TEST_LOG")) {
    log::set_sink(
        [](log::Level, std::string_view component, std::string_view sandbox, std::string_view text) {
          std::cerr << component << ' ' << sandbox << ": " << text << '\n';
        });
  }
  seed.runtimes = {{RuntimeKind::linux, [this](caf::actor_system& sys) { return runtime->spawn(sys); }},
                   {RuntimeKind::containerd, [this](caf::actor_system& sys) { return other->spawn(sys); }}};
  seed.desk = &desk;
  seed.give_up = [this](std::string why) { gave_up = std::move(why); };
  root = spawn_root(system, std::move(seed));
  settle();
}

World::~World() {
  desk.close(Error{ErrorKind::unavailable, "the test is over"});
  caf::anon_send(root, StopAll{});
  settle();
  kill_everybody();  // who is left, if root did not live to stop them
  settle();
}

void World::settle() {
  while (scheduler.try_run_once()) {
  }
}

void World::advance(std::chrono::nanoseconds time) {
  settle();
  while (time.count() > 0) {  // in steps, so that timers set on the way start at their own moment
    const auto step = std::min<std::chrono::nanoseconds>(time, std::chrono::milliseconds(10));
    scheduler.advance_time(step);
    settle();
    time -= step;
  }
}

bool World::settle_until(const std::function<bool()>& done, std::chrono::nanoseconds limit) {
  settle();
  for (std::chrono::nanoseconds passed{0}; !done(); passed += tick) {
    if (passed >= limit) return false;
    advance(tick);
  }
  return true;
}

Phase World::phase(const std::string& id) {
  const auto status = get(SandboxStatus{id});
  return status ? status->view.phase : Phase::gone;
}

void World::run(const std::string& id, RuntimeKind kind) {
  if (!create(id, kind) || !start(id)) throw std::runtime_error("sandbox " + id + " does not run");
}

void World::kill(caf::atom_value name) {
  kill_now(system.registry().get<caf::strong_actor_ptr>(name));
}

void World::kill_everybody() {
  for (const auto name : {names::gateway, names::supervisor, names::exits, names::hub}) kill(name);
  for (const auto kind : all_runtime_kinds) kill(names::runtime(kind));
}

void World::crash() {
  for (const auto name : {names::root, names::journal}) kill(name);
  kill_everybody();
  settle();
}

void World::kill_sandbox(const std::string& id) {
  const auto listing = get(GetSandbox{id});
  if (listing) kill_now(caf::actor_cast<caf::strong_actor_ptr>(listing->actor));
}

std::vector<EventKind> World::events(const std::string& id) {
  std::vector<EventKind> kinds;
  const auto batch = get(ReadEvents{1});
  if (!batch) return kinds;
  for (const auto& event : batch->events) {
    if (event->sandbox_id == id) kinds.push_back(event->kind);
  }
  return kinds;
}

SpecPtr World::spec(const std::string& id, const std::string& hostname, RuntimeKind kind) {
  auto config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  config->set_hostname(hostname);
  auto made = std::make_shared<SandboxSpec>();
  made->id = id;
  made->config = std::move(config);
  made->runtime = kind;
  return made;
}

}  // namespace podsandbox::test
