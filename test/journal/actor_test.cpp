#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "test/journal/journal_world.hpp"
#include "test/journal/watched_disk.hpp"

/// The actor of the journal: many writes share one wait for the disk, in their order, and each is answered.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(journal_actor)

namespace {

using Waits = std::vector<std::function<Result<Done>()>>;

/// A disk on which a sync lasts until it is let through.
class SlowDisk {
 public:
  SlowDisk() {
    disk_.watch = [this](const DiskOp& op) {
      if (const int code = fault) {
        ++faults;
        return code;
      }
      if (op.kind == DiskOp::Kind::sync && op.file.ends_with("-wal")) pass();
      return SQLITE_OK;
    };
  }

  void hold() { set(true); }
  void let_through() { set(false); }

  /// Waits until somebody waits for the disk.
  void until_held() {
    std::unique_lock lock(mutex_);
    BOOST_REQUIRE(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return waiting_; }));
  }

  std::atomic<int> syncs = 0;
  std::atomic<int> fault = SQLITE_OK;  // of every change
  std::atomic<int> faults = 0;

 private:
  void pass() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    waiting_ = false;
    ++syncs;
  }
  void set(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  bool waiting_ = false;
  WatchedDisk disk_;
};

journal::Write numbered(std::uint64_t n) {
  auto sandbox = bare_sandbox("one");
  sandbox.actors = static_cast<std::uint32_t>(n);
  return write_of(sandbox, {recent_event(n)});
}

/// Writes 2 to `last`, while the actor waits for the disk with write 1.
Waits write_behind_one(JournalWorld& world, SlowDisk& disk, std::uint64_t last) {
  disk.hold();
  Waits waits{world.begin(numbered(1))};
  disk.until_held();
  for (std::uint64_t n = 2; n <= last; ++n) waits.push_back(world.begin(numbered(n)));
  return waits;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_write_is_answered_when_it_is_on_the_disk) {
  SlowDisk disk;
  JournalWorld world;
  std::atomic<bool> answered = false;
  disk.hold();
  auto wait = world.begin(numbered(1));
  std::thread waiter([&] {
    if (wait()) answered = true;
  });
  disk.until_held();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  BOOST_TEST(!answered.load());
  disk.let_through();
  waiter.join();
  BOOST_TEST(answered.load());
  BOOST_TEST(world.contents().sandboxes.at("one").actors == 1U);
}

BOOST_AUTO_TEST_CASE(what_waits_shares_one_transaction) {
  SlowDisk disk;
  JournalWorld world;
  auto waits = write_behind_one(world, disk, 100);
  disk.syncs = 0;
  disk.let_through();
  for (const auto& wait : waits) BOOST_TEST(wait().has_value());
  BOOST_TEST(disk.syncs == 2);  // of the first one, and of all others
  const auto contents = world.contents();
  BOOST_TEST(contents.sandboxes.at("one").actors == 100U);  // the last one wins
  BOOST_TEST(contents.events.size() == 100U);
}

BOOST_AUTO_TEST_CASE(only_who_must_survive_a_power_cut_waits_for_the_disk) {
  SlowDisk disk;
  JournalWorld world;
  const auto passing = [](std::uint64_t n) {
    auto write = numbered(n);
    write.survives = journal::Survives::process;
    return write;
  };
  BOOST_TEST(world.write(numbered(1)).has_value());
  disk.syncs = 0;
  BOOST_TEST(world.write(passing(2)).has_value());
  BOOST_TEST(disk.syncs == 0);
  BOOST_TEST(world.contents().sandboxes.at("one").actors == 2U);  // for whoever comes after this process
  disk.syncs = 0;
  BOOST_TEST(world.write(numbered(3)).has_value());
  BOOST_TEST(disk.syncs == 1);
  BOOST_TEST(world.write(passing(4)).has_value());
  BOOST_TEST(disk.syncs == 1);
}

BOOST_AUTO_TEST_CASE(one_that_waits_for_the_disk_makes_its_group_wait) {
  SlowDisk disk;
  JournalWorld world;
  disk.hold();
  Waits waits{world.begin(numbered(1))};
  disk.until_held();
  for (std::uint64_t n = 2; n <= 4; ++n) {
    auto write = numbered(n);
    if (n != 3) write.survives = journal::Survives::process;
    waits.push_back(world.begin(std::move(write)));
  }
  disk.syncs = 0;
  disk.let_through();
  for (const auto& wait : waits) BOOST_TEST(wait().has_value());
  BOOST_TEST(disk.syncs == 2);
}

/// Else the first one would wait long for the last one's bytes.
BOOST_AUTO_TEST_CASE(a_group_is_bounded) {
  SlowDisk disk;
  JournalWorld world;
  auto waits = write_behind_one(world, disk, 1 + 600);
  disk.syncs = 0;
  disk.let_through();
  for (const auto& wait : waits) BOOST_TEST(wait().has_value());
  BOOST_TEST(disk.syncs == 1 + 3);  // 256 + 256 + 88
  BOOST_TEST(world.contents().sandboxes.at("one").actors == 601U);
}

BOOST_AUTO_TEST_CASE(a_bad_write_fails_alone) {
  SlowDisk disk;
  JournalWorld world;
  disk.hold();
  Waits waits{world.begin(numbered(1))};
  disk.until_held();
  for (std::uint64_t n = 2; n <= 20; ++n) {
    auto write = numbered(n);
    if (n == 10) write.sandboxes.emplace("broken", StoredSandbox{});
    waits.push_back(world.begin(std::move(write)));
  }
  disk.let_through();
  for (std::uint64_t n = 1; n <= 20; ++n) {
    const auto done = waits[n - 1]();
    BOOST_TEST(done.has_value() == (n != 10), "write " << n);
    if (!done) BOOST_TEST((done.error().kind == ErrorKind::invalid_argument));
  }
  const auto contents = world.contents();
  BOOST_TEST(contents.sandboxes.at("one").actors == 20U);
  BOOST_TEST(contents.events.size() == 10U);  // behind the gap that number 10 has left
}

/// Trying each alone would only make a full disk slower.
BOOST_AUTO_TEST_CASE(a_full_disk_is_tried_once_for_all) {
  SlowDisk disk;
  JournalWorld world;
  auto waits = write_behind_one(world, disk, 20);
  disk.fault = SQLITE_FULL;
  disk.let_through();
  BOOST_TEST(waits[0]().has_value());
  for (std::size_t i = 1; i < waits.size(); ++i) {
    const auto done = waits[i]();
    BOOST_REQUIRE(!done);
    BOOST_TEST((done.error().kind == ErrorKind::resource_exhausted), done.error().message);
  }
  BOOST_TEST(disk.faults == 1);
  disk.fault = SQLITE_OK;
  BOOST_TEST(world.write(numbered(21)).has_value());
  BOOST_TEST(world.contents().sandboxes.at("one").actors == 21U);
}

/// Whoever asked it is told, whether it had taken the write or not, and its successor goes on.
BOOST_AUTO_TEST_CASE(an_actor_that_dies_answers_what_it_took) {
  SlowDisk disk;
  JournalWorld world;
  auto waits = write_behind_one(world, disk, 5);
  // It is read behind the writes, which are then taken and not committed: their group's turn comes later.
  caf::anon_send_exit(world.actor(), caf::exit_reason::kill);
  auto late = world.begin(numbered(6));
  disk.let_through();
  world.wait_for_end();
  BOOST_TEST(waits[0]().has_value());
  for (std::size_t i = 1; i < waits.size(); ++i) {
    const auto done = waits[i]();
    BOOST_REQUIRE(!done);
    BOOST_TEST((done.error().kind == ErrorKind::unavailable), done.error().message);
  }
  BOOST_TEST(!late().has_value());
  BOOST_TEST(world.contents().sandboxes.at("one").actors == 1U);
  world.spawn();
  BOOST_TEST(world.write(numbered(7)).has_value());
  BOOST_TEST(world.contents().sandboxes.at("one").actors == 7U);
}

/// In the middle of a commit, before everything else that waits.
BOOST_AUTO_TEST_CASE(an_actor_that_is_killed_at_once_leaves_nobody_waiting) {
  SlowDisk disk;
  JournalWorld world;
  auto waits = write_behind_one(world, disk, 5);
  caf::anon_send<caf::message_priority::high>(caf::actor_cast<caf::actor>(world.actor()),
                                              caf::exit_msg{nullptr, caf::exit_reason::kill});
  disk.let_through();
  world.wait_for_end();
  for (const auto& wait : waits) (void)wait();  // each has an answer, whatever it is
  world.spawn();
  BOOST_TEST(world.write(numbered(6)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
