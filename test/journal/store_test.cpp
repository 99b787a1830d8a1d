#include "services/journal/store.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <future>
#include <thread>

#include "test/journal/stores.hpp"

/// What is written is there again, whatever the order and the grouping, and nobody else gets in the way.
namespace podsandbox::test {

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(store)

BOOST_AUTO_TEST_CASE(a_new_one_is_empty_and_private) {
  const TemporaryDirectory home;
  const auto opened = open_store(home.path() / "a/b");
  BOOST_TEST(opened.contents.sandboxes.empty());
  BOOST_TEST(opened.contents.events.empty());
  BOOST_TEST(opened.contents.next_sequence == 1U);
  BOOST_TEST(opened.contents.boot_id.empty());
  BOOST_TEST(opened.notices.empty());
  struct stat status {};
  BOOST_REQUIRE(stat((home.path() / "a/b").c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 0777) == 0700U);
}

BOOST_AUTO_TEST_CASE(a_directory_that_was_open_to_others_is_closed) {
  const TemporaryDirectory home;
  fs::permissions(home.path(), fs::perms::all);
  open_store(home.path());
  BOOST_TEST((fs::status(home.path()).permissions() == fs::perms::owner_all));
}

BOOST_AUTO_TEST_CASE(what_was_written_is_there_again) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store,
              write_of(full_sandbox("one"), {recent_event(1), recent_event(2)}));
  const auto contents = contents_of(home.path());
  BOOST_REQUIRE(contents.sandboxes.size() == 1U);
  BOOST_TEST(same(contents.sandboxes.at("one"), full_sandbox("one")));
  BOOST_REQUIRE(contents.events.size() == 2U);
  BOOST_TEST(contents.events[1].sequence == 2U);
  BOOST_TEST(contents.next_sequence == 3U);
}

/// Whatever the writer says: only the journal knows.
BOOST_AUTO_TEST_CASE(sandboxes_are_marked_with_this_boot) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store, write_of(full_sandbox("one")));
  const auto contents = contents_of(home.path());
  BOOST_TEST(contents.boot_id == journal::current_boot_id());
  BOOST_TEST(contents.sandboxes.at("one").boot_id == journal::current_boot_id());
  BOOST_TEST(contents.boot_id.size() == 36U);
}

BOOST_AUTO_TEST_CASE(later_writes_win_and_sandboxes_are_forgotten) {
  const TemporaryDirectory home;
  {
    auto store = open_store(home.path()).store;
    must_commit(*store, {{{"a", bare_sandbox("a")}, {"b", bare_sandbox("b")}, {"c", bare_sandbox("c")}}, {}});
    auto changed = bare_sandbox("a");
    changed.actors = 1;
    auto changed_again = changed;
    changed_again.actors = 2;
    // In one group, in their order: a changes twice, b goes and comes back, c goes, d comes and goes.
    const std::vector<journal::Write> group{write_of(changed),           {{{"b", {}}, {"c", {}}}, {}},
                                            write_of(changed_again),     write_of(bare_sandbox("b")),
                                            write_of(bare_sandbox("d")), {{{"d", {}}}, {}}};
    BOOST_TEST(store->commit(group).has_value());
  }
  const auto contents = contents_of(home.path());
  BOOST_TEST(contents.sandboxes.size() == 2U);
  BOOST_TEST(contents.sandboxes.at("a").actors == 2U);
  BOOST_TEST(contents.sandboxes.contains("b"));
}

/// A writer that never got its answer writes again.
BOOST_AUTO_TEST_CASE(writing_the_same_again_does_no_harm) {
  const TemporaryDirectory home;
  const auto write = write_of(full_sandbox("one"), {recent_event(1, "once")});
  {
    auto store = open_store(home.path()).store;
    must_commit(*store, write);
    must_commit(*store, write);
    must_commit(*store, {});
  }
  const auto contents = contents_of(home.path());
  BOOST_TEST(contents.sandboxes.size() == 1U);
  BOOST_TEST(contents.events.size() == 1U);
}

/// All of its parts or none.
BOOST_AUTO_TEST_CASE(a_write_that_makes_no_sense_changes_nothing) {
  const TemporaryDirectory home;
  {
    auto store = open_store(home.path()).store;
    must_commit(*store, write_of(bare_sandbox("one"), {recent_event(1)}));
    auto large = bare_sandbox("large");
    large.last_error.assign(std::size_t{65} << 20U, 'x');
    const std::vector<journal::Write> bad{
        {{{"two", bare_sandbox("two")}}, {recent_event(0)}},
        {{{"two", bare_sandbox("two")}}, {recent_event(UINT64_MAX)}},
        {{{"two", bare_sandbox("two")}, {"three", StoredSandbox{}}}, {}},
        {{{"two", bare_sandbox("two")}, {"three", bare_sandbox("four")}}, {}},
        {{{"one", {}}, {"large", large}}, {recent_event(2)}},
    };
    for (const auto& write : bad) {
      const auto done = commit(*store, write);
      BOOST_REQUIRE(!done);
      BOOST_TEST((done.error().kind == ErrorKind::invalid_argument));
    }
    BOOST_TEST((store->commit(bad).error().kind == ErrorKind::invalid_argument));
  }
  const auto contents = contents_of(home.path());
  BOOST_TEST(contents.sandboxes.size() == 1U);
  BOOST_TEST(contents.sandboxes.contains("one"));
  BOOST_TEST(contents.next_sequence == 2U);
}

/// Events whose write failed leave a gap. What is behind it is what can be watched.
BOOST_AUTO_TEST_CASE(contents_have_no_gap) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store,
              {{}, {recent_event(1), recent_event(2), recent_event(4), recent_event(5)}});
  const auto contents = contents_of(home.path());
  BOOST_REQUIRE(contents.events.size() == 2U);
  BOOST_TEST(contents.events.front().sequence == 4U);
  BOOST_TEST(contents.next_sequence == 6U);
}

BOOST_AUTO_TEST_CASE(one_process_at_a_time) {
  const TemporaryDirectory home;
  auto first = open_store(home.path());
  const auto second = journal::Store::open(home.path(), keep_all);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(contains(second.error().message, home.path().string() + ": another process uses it"));
  first.store.reset();
  open_store(home.path());
}

/// A child that was being made when its process was killed has the lock until it runs its program.
BOOST_AUTO_TEST_CASE(a_lock_that_is_about_to_go_is_waited_for) {
  const TemporaryDirectory home;
  auto first = open_store(home.path());
  auto second =
      std::async(std::launch::async, [&] { return journal::Store::open(home.path(), keep_all).has_value(); });
  BOOST_TEST((second.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout));
  first.store.reset();
  BOOST_TEST(second.get());
}

BOOST_AUTO_TEST_CASE(other_tools_cannot_touch_it_meanwhile) {
  const TemporaryDirectory home;
  auto opened = open_store(home.path());
  must_commit(*opened.store, write_of(bare_sandbox("one")));
  sqlite3* tool = nullptr;
  BOOST_REQUIRE(sqlite3_open(file_in(home.path()).c_str(), &tool) == SQLITE_OK);
  BOOST_TEST(sqlite3_exec(tool, "DELETE FROM sandboxes", nullptr, nullptr, nullptr) == SQLITE_BUSY);
  opened.store.reset();
  // And the other way round: while a tool changes it, we wait a little, and do not start.
  BOOST_TEST(sqlite3_exec(tool, "BEGIN IMMEDIATE; DELETE FROM sandboxes", nullptr, nullptr, nullptr) ==
             SQLITE_OK);
  const auto refused = journal::Store::open(home.path(), keep_all);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(contains(refused.error().message, "another program uses it"));
  sqlite3_close(tool);
  BOOST_TEST(contents_of(home.path()).sandboxes.size() == 1U);
}

/// What would be written into a file that nobody can open any more would be lost.
BOOST_AUTO_TEST_CASE(a_journal_that_is_moved_away_is_begun_anew) {
  const TemporaryDirectory home;
  {
    auto store = open_store(home.path()).store;
    must_commit(*store, write_of(bare_sandbox("one")));
    fs::rename(file_in(home.path()), home.path() / "elsewhere");
    const auto told = commit(*store, write_of(bare_sandbox("two")));
    BOOST_REQUIRE(!told);
    BOOST_TEST((told.error().kind == ErrorKind::aborted));
    must_commit(*store, {{{"one", bare_sandbox("one")}, {"two", bare_sandbox("two")}}, {}});
  }
  BOOST_TEST(contents_of(home.path()).sandboxes.size() == 2U);
}

BOOST_AUTO_TEST_CASE(many_threads_may_write) {
  const TemporaryDirectory home;
  {
    auto store = open_store(home.path()).store;
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&store, thread] {
        for (int i = 0; i < 50; ++i) {
          const auto id = std::to_string(thread) + "-" + std::to_string(i);
          const journal::Write write{{{id, bare_sandbox(id)}}, {}};
          if (!store->commit({&write, 1})) std::abort();
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
  BOOST_TEST(contents_of(home.path()).sandboxes.size() == 200U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
