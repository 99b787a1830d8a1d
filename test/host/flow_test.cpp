#include "services/host/flow.hpp"

#include <boost/test/unit_test.hpp>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "test/linux/eventually.hpp"

namespace podsandbox::test {

namespace {

using namespace host;

// Runs `task` on the loop and waits until it has run.
void run_on(Loop& loop, const std::function<void()>& task) {
  std::promise<void> done;
  loop.post([&] {
    task();
    done.set_value();
  });
  done.get_future().get();
}

// Somebody who is asked on the loop and answers when the test wants it, from another thread.
struct Oracle {
  explicit Oracle(Loop& of) : loop(of) {}

  Answer<std::string> ask() {
    return Answer<std::string>(
        loop, [this](std::function<void(std::string)> callback) { asked.push_back(std::move(callback)); });
  }
  void answer(std::size_t question, const std::string& text) {
    std::function<void(std::string)> callback;
    run_on(loop, [&] { callback = asked.at(question); });
    std::thread([&] { callback(text); }).join();
    run_on(loop, [] {});  // what it set going has been posted before this
  }

  Loop& loop;
  std::vector<std::function<void(std::string)>> asked;
};

struct Dropped {
  explicit Dropped(int& to) : count(&to) {}
  Dropped(const Dropped&) = delete;
  Dropped& operator=(const Dropped&) = delete;
  ~Dropped() { ++*count; }
  int* count;
};

struct World {
  Loop loop;
  Oracle oracle{loop};
  Flows flows;
  std::string heard;
  int dropped = 0;

  ~World() {
    run_on(loop, [this] { flows.drop_all(); });
  }
  void start(std::function<Flow<void>()> make) {
    run_on(loop, [&] { flows.start(make()); });
  }
};

Flow<std::string> twice(World& world) {
  const Dropped witness(world.dropped);
  auto asking = world.oracle.ask();
  const std::string first = co_await asking;
  auto asking_again = world.oracle.ask();
  co_return first + co_await asking_again;
}

Flow<void> tell(World& world) {
  const Dropped witness(world.dropped);
  auto asking = twice(world);
  world.heard = co_await asking;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(flow)

// A flow goes on with each answer, and frees what it held.
BOOST_AUTO_TEST_CASE(steps) {
  World world;
  world.start([&] { return tell(world); });
  world.oracle.answer(0, "a");
  BOOST_TEST(world.heard == "");
  world.oracle.answer(1, "b");
  BOOST_TEST(world.heard == "ab");
  BOOST_TEST(world.dropped == 2);
}

// Only the first answer counts; one that comes when the flow is gone is dropped.
BOOST_AUTO_TEST_CASE(late_answers) {
  World world;
  world.start([&] { return tell(world); });
  world.oracle.answer(0, "a");
  world.oracle.answer(0, "x");
  run_on(world.loop, [&] { world.flows.drop_all(); });
  BOOST_TEST(world.dropped == 2);
  world.oracle.answer(1, "b");
  BOOST_TEST(world.heard == "");
}

Flow<void> both(World& world) {
  Running<std::string> one(world.flows, twice(world));
  Running<std::string> other(world.flows, twice(world));
  const std::string first = co_await one;
  world.heard = first + "-" + co_await other;
}

// Flows that have begun go on side by side, and are awaited in any order.
BOOST_AUTO_TEST_CASE(side_by_side) {
  World world;
  world.start([&] { return both(world); });
  world.oracle.answer(1, "c");
  world.oracle.answer(2, "d");  // the second one's: it is awaited later
  world.oracle.answer(0, "a");
  world.oracle.answer(3, "b");
  BOOST_TEST(world.heard == "ab-cd");
  BOOST_TEST(world.dropped == 2);
}

Flow<void> alone(World& world, Semaphore& semaphore, std::string name) {
  auto waiting = semaphore.acquire();
  const auto permit = co_await waiting;
  world.heard += "+" + name;
  auto asking = world.oracle.ask();
  co_await asking;
  world.heard += "-" + name;
}

// As many as there are permits, in order; one whose flow is dropped goes to the next.
BOOST_AUTO_TEST_CASE(permits) {
  World world;
  Semaphore semaphore(world.loop, 1);
  Flows other;
  world.start([&] { return alone(world, semaphore, "a"); });
  run_on(world.loop, [&] { other.start(alone(world, semaphore, "b")); });
  world.start([&] { return alone(world, semaphore, "c"); });
  run_on(world.loop, [] {});
  BOOST_TEST(world.heard == "+a");
  run_on(world.loop, [&] { other.drop_all(); });
  world.oracle.answer(0, "");
  const auto heard = [&] {
    std::string so_far;
    run_on(world.loop, [&] { so_far = world.heard; });
    return so_far;
  };
  BOOST_TEST(eventually([&] { return heard() == "+a-a+c"; }));
  world.oracle.answer(1, "");
  BOOST_TEST(world.heard == "+a-a+c-c");
}

Flow<int> deep(int depth) {
  if (depth == 0) co_return 0;
  auto deeper = deep(depth - 1);
  co_return 1 + co_await deeper;
}

Flow<void> dive(std::promise<int>& result) {
  auto diving = deep(1000);
  result.set_value(co_await diving);
}

// Steps that need not wait for anything run at once.
BOOST_AUTO_TEST_CASE(without_waiting) {
  World world;
  std::promise<int> result;
  world.start([&] { return dive(result); });
  BOOST_TEST(result.get_future().get() == 1000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
