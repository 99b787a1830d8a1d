#include <boost/test/unit_test.hpp>

#include "test/actors/world.hpp"

/// Watchers see every event once and in order.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(events)

BOOST_AUTO_TEST_CASE(the_events_of_a_life) {
  World world;
  world.run("a");
  world.runtime->process_exits("a", 1);
  world.settle();
  BOOST_REQUIRE(world.get(ShutdownSandbox{"a"}));
  BOOST_TEST((world.events("a") == std::vector{EventKind::created, EventKind::started, EventKind::exited,
                                               EventKind::cleaned, EventKind::removed}));
}

BOOST_AUTO_TEST_CASE(positions_have_no_gaps_and_zero_means_from_now) {
  World world;
  world.run("a");
  const auto now = world.get(ReadEvents{0});
  BOOST_REQUIRE(now);
  BOOST_TEST(now->events.empty());
  BOOST_TEST(now->next == 3U);
  auto later = world.ask(ReadEvents{now->next});
  world.settle();
  BOOST_TEST(!later->has_value());
  BOOST_REQUIRE(world.get(StopSandbox{"a"}));
  BOOST_REQUIRE(*later);
  BOOST_TEST((**later)->events.front()->sequence == 3U);
  BOOST_TEST((world.get(ReadEvents{99}).error().kind == ErrorKind::out_of_range));
}

BOOST_AUTO_TEST_CASE(a_position_that_is_no_longer_kept_names_the_oldest) {
  Settings settings;
  settings.events_kept = 4;
  World world(settings);
  for (const auto* id : {"a", "b", "c"}) world.run(id);
  const auto batch = world.get(ReadEvents{1});
  BOOST_TEST((batch.error().kind == ErrorKind::out_of_range));
  BOOST_TEST(batch.error().message.find("oldest is 3") != std::string::npos);
  BOOST_TEST(world.get(ReadEvents{3})->events.size() == 4U);
}

/// Hub, gateway and supervisor die under a watcher, again and again; it sees each event once.
BOOST_AUTO_TEST_CASE(a_watcher_notices_no_death) {
  World world;
  std::uint64_t position = 1;
  std::vector<std::uint64_t> seen;
  const auto drain = [&] {
    auto batch = world.get(ReadEvents{position});
    BOOST_REQUIRE(batch);
    for (const auto& event : batch->events) seen.push_back(event->sequence);
    position = batch->next;
  };
  int round = 0;
  for (const auto name :
       {names::hub, names::gateway, names::supervisor, names::exits, names::runtime(RuntimeKind::linux)}) {
    const auto id = "pod-" + std::to_string(round++);
    auto pending = world.ask(ReadEvents{position});
    world.settle();
    world.kill(name);
    world.run(id);
    world.settle_until([&] { return pending->has_value(); });
    BOOST_REQUIRE_MESSAGE(pending->has_value(), caf::to_string(name));
    drain();
    BOOST_REQUIRE(world.get(ShutdownSandbox{id}));
    drain();
  }
  for (std::size_t i = 0; i < seen.size(); ++i) BOOST_TEST(seen[i] == i + 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
