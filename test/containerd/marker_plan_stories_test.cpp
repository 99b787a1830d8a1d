#include <array>
#include <boost/test/unit_test.hpp>
#include <random>

#include "test/containerd/plan_world.hpp"

/// Everything that can happen, in any order: whatever the story, it ends well.
namespace podsandbox::test {

using containerd_client::PlanSettings;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

/// One thing that may happen next; false when it cannot.
bool happen(PlanWorld& world, unsigned what, std::string& id, bool reuse) {
  const auto step = world.pending.empty() ? 0 : what / 10 % world.pending.size();
  switch (what % 10) {
    case 0:
      if (!world.running.contains(id)) {
        world.start(id);
      } else {
        world.remove(id);
        if (!reuse) id += "+";
      }
      return true;
    case 1:
      return world.hear();
    case 2:
      world.lose_events();
      return true;
    case 3:
    case 4:
    case 5:
      if (world.pending.empty() || world.pending[step].complete()) return false;
      world.carry_out(step, static_cast<PlanWorld::Fate>(what % 10 - 3));
      return true;
    case 6:
      if (world.pending.empty() || !world.pending[step].complete()) return false;
      world.answer(step);
      return true;
    case 7:
      world.away = !world.away;
      return true;
    case 8:
      world.now += milliseconds(700);
      return true;
    default:
      world.now += seconds(61);
      return true;
  }
}

/// However it went: without further failures all comes right, and nothing is kept that is not needed.
void check_end(PlanWorld& world, bool reuse, const std::string& story) {
  world.away = false;
  world.advance(minutes(2));
  BOOST_REQUIRE_MESSAGE(world.violations.empty(), world.violations.front() << " after " << story);
  BOOST_REQUIRE_MESSAGE(world.markers == world.running, "markers and sandboxes differ after " << story);
  BOOST_REQUIRE_MESSAGE(world.plan.known() == world.running.size(), "something is kept after " << story);
  BOOST_REQUIRE_MESSAGE(reuse || world.killed.empty(), "the marker of a sandbox was deleted after " << story);
  BOOST_REQUIRE(world.most_in_flight <= 3);
}

/// No comparison but those that there is a reason for: it must not be needed to put right what went wrong.
const PlanSettings tight{.compare_every = std::chrono::hours(100'000), .max_in_flight = 3};

}  // namespace

BOOST_AUTO_TEST_SUITE(marker_plan_stories)

BOOST_AUTO_TEST_CASE(every_short_story_of_one_sandbox_ends_well) {
  constexpr std::size_t length = 6;
  for (unsigned number = 0; number < 1'000'000; ++number) {
    PlanWorld world(at_once(tight));
    world.settle();
    std::string id = "a";
    std::string story;
    unsigned digits = number;
    bool possible = true;
    for (std::size_t n = 0; n < length && possible; ++n, digits /= 10) {
      story += std::to_string(digits % 10);
      possible = happen(world, digits % 10, id, true);
      world.go_on();
    }
    if (possible) check_end(world, true, story);
  }
}

BOOST_AUTO_TEST_CASE(long_stories_of_many_sandboxes_end_well) {
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    const bool reuse = seed % 2 == 0;
    std::mt19937 random(seed);
    PlanWorld world(seed % 4 < 2 ? at_once(tight) : tight);
    world.markers = {"orphan"};
    world.foreign = {"foreign"};
    std::array<std::string, 5> ids{"a", "b", "c", "d", "e"};
    for (int n = 0; n < 300; ++n) {
      auto& id = ids.at(random() % ids.size());
      happen(world, static_cast<unsigned>(random() % 1000), id, reuse);
      world.go_on();
    }
    check_end(world, reuse, "seed " + std::to_string(seed));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
