#include "actors/watchdog/watchdog.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <condition_variable>
#include <mutex>

#include "messages/log.hpp"
#include "test/actors/world.hpp"

/// The watchdog is fed while everybody takes messages, and is not when one hangs. With real threads and in
/// real time: an actor that hangs keeps its thread.
namespace podsandbox::test {

namespace {

constexpr auto interval = std::chrono::milliseconds(20);
constexpr auto limit = std::chrono::seconds(30);

/// Where a thread of the actors gets stuck, until the test is over.
class Trap {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
  }
  void enter() {
    std::unique_lock lock(mutex_);
    is_entered_ = is_set_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !is_set_; });
  }
  bool has_somebody() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return is_entered_; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    is_set_ = false;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
  bool is_entered_ = false;
};

/// What the watchdog did, for a test that waits for it.
class Record {
 public:
  void feed() {
    const std::lock_guard lock(mutex_);
    ++fed_;
    changed_.notify_all();
  }
  void hangs(std::string_view text) {
    const std::lock_guard lock(mutex_);
    ++complaints_[std::string(text.substr(0, text.find(' ')))];
    changed_.notify_all();
  }
  int fed() {
    const std::lock_guard lock(mutex_);
    return fed_;
  }
  bool fed_again(int times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&, until = fed_ + times] { return fed_ >= until; });
  }
  /// Whether it says so again and again.
  bool says_that_it_hangs(const std::string& name) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return complaints_[name] >= 3 && complaints_.size() == 1; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int fed_ = 0;
  std::map<std::string, int> complaints_;
};

/// A caller whose call is lost in the thread of whoever had it.
struct TrappedAsker : Asker<EventBatch> {
  explicit TrappedAsker(Trap& t) : trap(t) {}
  void answer(Result<EventBatch>) override {}
  void lost() override { trap.enter(); }
  bool wanted() const override { return true; }
  Trap& trap;
};

struct Threads : caf::actor_system_config {
  Threads() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{4});
  }
};

/// The whole actor system, each of whose actors can be made to hang.
struct Watched {
  Trap trap;
  Record record;
  Threads config;
  caf::actor_system system{config};
  CallDesk desk{system};
  std::shared_ptr<ScriptedRuntime> runtime = std::make_shared<ScriptedRuntime>();
  RootPort root;

  Watched() {
    log::set_sink([this](log::Level, std::string_view component, std::string_view, std::string_view text) {
      if (component == "watchdog") record.hangs(text);
    });
    RootSeed seed;
    seed.runtimes = {{RuntimeKind::linux, [this](caf::actor_system& sys) { return runtime->spawn(sys); }}};
    seed.make_journal = [this](caf::actor_system& sys) { return journal(sys); };
    seed.desk = &desk;
    seed.give_up = [](const std::string& why) { BOOST_ERROR(why); };
    seed.intensity = {1'000'000, std::chrono::seconds(1)};
    seed.companions.push_back({caf::atom("trapped"), [this](caf::actor_system& sys) {
                                 trap.enter();
                                 return caf::actor_cast<caf::strong_actor_ptr>(sys.spawn(idle));
                               }});
    seed.companions.push_back({watchdog_name, [this](caf::actor_system& sys) { return watchdog(sys); }});
    root = spawn_root(system, std::move(seed));
    BOOST_REQUIRE(record.fed_again(1));  // everybody is there
  }

  ~Watched() {
    trap.release();
    desk.close(Error{ErrorKind::unavailable, "the test is over"});
    caf::anon_send(root, StopAll{});
    system.await_all_actors_done();
    log::set_sink([](log::Level, std::string_view, std::string_view, std::string_view) {});
  }

  static caf::behavior idle() {
    return {[](const Ping&) { return Pong{}; }};
  }

  JournalPort journal(caf::actor_system& sys) {
    return sys.spawn<caf::detached>([this]() -> JournalPort::behavior_type {
      return {[this](const journal::Write&) {
        trap.enter();
        return Result<Done>(Done{});
      }};
    });
  }

  caf::strong_actor_ptr watchdog(caf::actor_system& sys) {
    return spawn_watchdog(
        sys, {interval, {names::root, names::gateway, names::supervisor}, [this] { record.feed(); }});
  }

  void kill(caf::atom_value name) {
    caf::anon_send<caf::message_priority::high>(
        caf::actor_cast<caf::actor>(system.registry().get<caf::strong_actor_ptr>(name)),
        caf::exit_msg{nullptr, caf::exit_reason::kill});
  }

  /// Nobody feeds it, except that a round was under way.
  void not_fed_since(int before, const std::string& name) {
    BOOST_TEST(record.says_that_it_hangs(name));
    BOOST_TEST(record.fed() <= before + 1);
    trap.release();
    BOOST_TEST(record.fed_again(3));  // it was nothing but that
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(watchdog, Watched)

BOOST_AUTO_TEST_CASE(fed_while_all_is_well) {
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(record.fed_again(6));
  BOOST_TEST(
      (std::chrono::steady_clock::now() - begin >= 4 * interval));  // and not more often than it should
}

/// The death of an actor is healed by its successor.
BOOST_AUTO_TEST_CASE(fed_while_actors_die) {
  for (int round = 0; round < 20; ++round) {
    for (const auto name : {names::gateway, names::supervisor, names::journal, watchdog_name}) kill(name);
    BOOST_TEST(record.fed_again(1));
  }
}

BOOST_AUTO_TEST_CASE(not_fed_while_root_hangs) {
  trap.set();
  const auto before = record.fed();
  kill(caf::atom("trapped"));
  not_fed_since(before, "root");
}

BOOST_AUTO_TEST_CASE(not_fed_while_the_gateway_hangs) {
  system.registry().erase(names::hub);  // so that the gateway drops the call
  trap.set();
  const auto before = record.fed();
  caf::anon_send(find_actor<GatewayPort>(system, names::gateway),
                 Call<ReadEvents>{{}, 1, Reply<EventBatch>(std::make_shared<TrappedAsker>(trap)), {}});
  not_fed_since(before, "gateway");
}

BOOST_AUTO_TEST_CASE(not_fed_while_the_supervisor_hangs) {
  trap.set();
  const auto before = record.fed();
  desk.submit(ListSandboxes{}, [this](const Result<std::vector<SandboxListing>>&) { trap.enter(); });
  not_fed_since(before, "supervisor");
}

/// Another daemon's disk would hang as well, and this one serves who lives.
BOOST_AUTO_TEST_CASE(fed_while_the_disk_hangs) {
  trap.set();
  desk.submit(CreateSandbox{World::spec("a")}, [](const Result<Done>&) {});
  BOOST_REQUIRE(trap.has_somebody());
  BOOST_TEST(record.fed_again(3));
  trap.release();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
