#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "test/journal/stores.hpp"
#include "test/journal/stream.hpp"
#include "test/journal/watched_disk.hpp"

/// The disk refuses: a write that fails changes nothing, and the journal heals by itself.
namespace podsandbox::test {

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(disk)

namespace {

/// Leaves no byte free.
void fill(const fs::path& directory) {
  const int fd = open((directory / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  BOOST_REQUIRE(fd >= 0);
  const std::string block(4096, 'x');
  while (write(fd, block.data(), block.size()) > 0) {
  }
  close(fd);
}

Result<Done> commit_stream(journal::Store& store, std::uint64_t n) {
  return commit(store, stream::write(n));
}

std::int64_t writes_in(const fs::path& directory) {
  std::string why;
  const auto n = stream::writes_in(contents_of(directory), why);
  BOOST_TEST(why == "");
  return n;
}

/// Writes on until one fails, and returns which.
std::uint64_t write_until_failure(journal::Store& store, std::uint64_t next, ErrorKind expected) {
  while (true) {
    const auto done = commit_stream(store, next);
    if (!done) {
      BOOST_TEST((done.error().kind == expected), done.error().message);
      return next;
    }
    BOOST_REQUIRE(++next < 10000U);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_full_disk_heals_when_there_is_space_again) {
  const TemporaryDirectory home;
  const SmallDisk small(home.path() / "disk", "3m");
  const auto directory = small.path() / "journal";
  std::uint64_t next = 1;
  {
    auto store = open_store(directory).store;
    while (next <= 5) BOOST_REQUIRE(commit_stream(*store, next++));
    fill(small.path());
    for (int round = 0; round < 3; ++round) {
      next = write_until_failure(*store, next, ErrorKind::resource_exhausted);
      const auto refused = commit_stream(*store, next);
      BOOST_REQUIRE(!refused);  // it stays so
      BOOST_TEST((refused.error().kind == ErrorKind::resource_exhausted));
      BOOST_TEST(contains(refused.error().message, file_in(directory).string() + ": "),
                 refused.error().message);
      fs::remove(small.path() / "filler");
      BOOST_REQUIRE(commit_stream(*store, next++));
      fill(small.path());
    }
    next = write_until_failure(*store, next, ErrorKind::resource_exhausted);
    BOOST_TEST(store->commit({}).has_value());  // nothing to write needs no space
  }
  // A daemon that starts on a full disk finds everything.
  BOOST_TEST(writes_in(directory) == static_cast<std::int64_t>(next - 1));
  auto store = open_store(directory).store;
  next = write_until_failure(*store, next, ErrorKind::resource_exhausted);
  fs::remove(small.path() / "filler");
  BOOST_TEST(commit_stream(*store, next).has_value());
}

BOOST_AUTO_TEST_CASE(a_new_journal_on_a_full_disk_is_refused) {
  const TemporaryDirectory home;
  const SmallDisk small(home.path() / "disk", "1m");
  fs::create_directory(small.path() / "journal");
  fill(small.path());
  const auto refused = journal::Store::open(small.path() / "journal", keep_all);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::resource_exhausted), refused.error().message);
  fs::remove(small.path() / "filler");
  open_store(small.path() / "journal");
}

/// Nothing of a damaged journal is touched before there is a new one.
BOOST_AUTO_TEST_CASE(a_damaged_journal_on_a_full_disk_is_left_alone) {
  const TemporaryDirectory home;
  const SmallDisk small(home.path() / "disk", "1m");
  const auto directory = small.path() / "journal";
  must_commit(*open_store(directory).store, write_of(bare_sandbox("one")));
  sqlite3* tool = nullptr;
  BOOST_REQUIRE(sqlite3_open(file_in(directory).c_str(), &tool) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_exec(tool, "PRAGMA user_version = 7", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(tool);
  fill(small.path());
  const auto refused = journal::Store::open(directory, keep_all);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::resource_exhausted), refused.error().message);
  BOOST_TEST(contains(refused.error().message, "it is damaged"), refused.error().message);
  BOOST_TEST(put_aside_in(directory).empty());
  fs::remove(small.path() / "filler");
  const auto opened = open_store(directory);
  BOOST_TEST(opened.notices.size() == 1U);
  BOOST_TEST(opened.contents.sandboxes.contains("one"));
}

/// While nothing has it open, it can be made read-only; while it is read-only, it is not opened.
BOOST_AUTO_TEST_CASE(a_read_only_disk_is_refused_and_heals) {
  const TemporaryDirectory home;
  const SmallDisk small(home.path() / "disk", "3m");
  const auto directory = small.path() / "journal";
  must_commit(*open_store(directory).store, write_of(bare_sandbox("one")));
  BOOST_REQUIRE(small.set_read_only(true));
  const auto refused = journal::Store::open(directory, keep_all);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::unavailable));
  BOOST_TEST(contains(refused.error().message, "it can only be read"), refused.error().message);
  BOOST_REQUIRE(small.set_read_only(false));
  BOOST_TEST(contents_of(directory).sandboxes.size() == 1U);
}

/// The journal loses its connection, and the disk turns read-only before there is another one.
BOOST_AUTO_TEST_CASE(a_running_journal_outlives_a_read_only_disk) {
  const TemporaryDirectory home;
  const SmallDisk small(home.path() / "disk", "3m");
  const auto directory = small.path() / "journal";
  auto store = open_store(directory).store;
  must_commit(*store, write_of(bare_sandbox("one")));
  {
    WatchedDisk disk;  // for files that are opened from now on
    fs::rename(file_in(directory), directory / "elsewhere");
    disk.watch = [](const DiskOp&) { return SQLITE_IOERR_WRITE; };
    BOOST_TEST((commit(*store, {}).error().kind == ErrorKind::unavailable));
  }
  fs::remove_all(file_in(directory));
  fs::rename(directory / "elsewhere", file_in(directory));
  BOOST_REQUIRE(small.set_read_only(true));
  for (int i = 0; i < 3; ++i) BOOST_TEST((commit(*store, {}).error().kind == ErrorKind::unavailable));
  BOOST_REQUIRE(small.set_read_only(false));
  BOOST_TEST((commit(*store, {}).error().kind == ErrorKind::aborted));  // it had been moved meanwhile
  must_commit(*store, write_of(bare_sandbox("two")));
  store.reset();
  BOOST_TEST(contents_of(directory).sandboxes.size() == 2U);
}

namespace {

struct Fault {
  int code;
  ErrorKind expected;
};

/// The `at`-th change to a file during the 4th write fails. False when that write has fewer.
bool fails_at(unsigned at, Fault fault, bool restart_after) {
  const TemporaryDirectory home(place_in_memory());
  WatchedDisk disk;
  auto store = open_store(home.path()).store;
  for (std::uint64_t n = 1; n <= 3; ++n) BOOST_REQUIRE(commit_stream(*store, n));
  unsigned left = at;
  bool failed = false;
  disk.watch = [&](const DiskOp&) {
    if (left == 0 || --left > 0) return SQLITE_OK;
    failed = true;
    return fault.code;
  };
  const auto done = commit_stream(*store, 4);
  left = 0;
  if (!failed) return false;
  BOOST_TEST(!done.has_value(), "change " << at);
  if (!done) BOOST_TEST((done.error().kind == fault.expected), done.error().message);
  if (restart_after) {
    store.reset();
    BOOST_TEST(writes_in(home.path()) == 3);
    store = open_store(home.path()).store;
  }
  BOOST_TEST(commit_stream(*store, 4).has_value());
  BOOST_TEST(commit_stream(*store, 5).has_value());
  store.reset();
  BOOST_TEST(writes_in(home.path()) == 5);
  return true;
}

}  // namespace

/// Whichever change to whichever file fails: the write has failed as a whole, and the next one works.
BOOST_AUTO_TEST_CASE(any_single_change_may_fail) {
  for (const auto fault : {Fault{SQLITE_FULL, ErrorKind::resource_exhausted},
                           Fault{SQLITE_IOERR_WRITE, ErrorKind::unavailable}}) {
    for (const bool restart : {false, true}) {
      unsigned at = 1;
      while (fails_at(at, fault, restart)) ++at;
      BOOST_TEST(at > 10U);
    }
  }
}

/// A quota is a full disk, and people are told what the system said.
BOOST_AUTO_TEST_CASE(the_systems_own_error_counts) {
  const TemporaryDirectory home(place_in_memory());
  WatchedDisk disk;
  auto store = open_store(home.path()).store;
  int error = 0;
  disk.watch = [&](const DiskOp&) {
    errno = error;
    return SQLITE_IOERR_WRITE;
  };
  for (error = EDQUOT; error != 0; error = error == EDQUOT ? EROFS : 0) {
    const auto done = commit_stream(*store, 1);
    BOOST_REQUIRE(!done);
    BOOST_TEST(
        (done.error().kind == (error == EDQUOT ? ErrorKind::resource_exhausted : ErrorKind::unavailable)));
    BOOST_TEST(contains(done.error().message, std::generic_category().message(error)), done.error().message);
  }
  disk.watch = nullptr;
  BOOST_TEST(commit_stream(*store, 1).has_value());
}

/// Checkpoints fail for a while: nobody notices, and the log is worked off later.
BOOST_AUTO_TEST_CASE(a_checkpoint_that_fails_is_made_later) {
  const TemporaryDirectory home(place_in_memory());
  WatchedDisk disk;
  auto store = open_store(home.path()).store;
  unsigned refused = 0;
  disk.watch = [&](const DiskOp& op) {
    if (op.file != "journal.sqlite3") return SQLITE_OK;
    ++refused;
    return SQLITE_FULL;
  };
  std::uint64_t next = 1;
  while (refused < 10 && next < 2000) BOOST_REQUIRE(commit_stream(*store, next++));
  BOOST_TEST(refused == 10U);
  disk.watch = nullptr;
  const auto log = home.path() / "journal.sqlite3-wal";
  const auto grown = fs::file_size(log);
  for (int i = 0; i < 300; ++i) BOOST_REQUIRE(commit_stream(*store, next++));
  BOOST_TEST(fs::file_size(log) <= std::max<std::uintmax_t>(grown, 8U << 20U));
  store.reset();
  BOOST_TEST(writes_in(home.path()) == static_cast<std::int64_t>(next - 1));
}

/// What was not waited for may have got lost, and the kernel says so only once: it is written anew, to where
/// it belongs, before anybody is told of anything.
BOOST_AUTO_TEST_CASE(what_was_not_waited_for_is_not_trusted_when_waiting_fails) {
  const TemporaryDirectory home(place_in_memory());
  WatchedDisk disk;
  auto store = open_store(home.path()).store;
  BOOST_REQUIRE(commit_stream(*store, 1));
  auto passing = stream::write(2);
  passing.survives = journal::Survives::process;
  BOOST_REQUIRE(commit(*store, passing));
  disk.watch = [](const DiskOp& op) {
    return op.kind == DiskOp::Kind::sync ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  };
  BOOST_TEST(!commit_stream(*store, 3));
  BOOST_TEST(!commit_stream(*store, 3));
  bool in_its_place = false;
  disk.watch = [&](const DiskOp& op) {
    if (op.kind == DiskOp::Kind::sync && op.file == "journal.sqlite3") in_its_place = true;
    return SQLITE_OK;
  };
  BOOST_TEST(commit_stream(*store, 3).has_value());
  BOOST_TEST(in_its_place);
  in_its_place = false;
  BOOST_TEST(commit_stream(*store, 4).has_value());
  BOOST_TEST(!in_its_place);
  disk.watch = nullptr;
  store.reset();
  BOOST_TEST(writes_in(home.path()) == 4);
}

/// The file changes under a running journal: it is put aside, and the writer is told once to write all again.
BOOST_AUTO_TEST_CASE(damage_under_a_running_journal) {
  const TemporaryDirectory home;
  auto store = open_store(home.path()).store;
  const auto everything = [] {
    journal::Write all;
    for (int i = 0; i < 2000; ++i) {  // more than SQLite keeps in memory
      auto sandbox = bare_sandbox("pod-" + std::to_string(i));
      sandbox.last_error.assign(3000, 'x');
      all.sandboxes.emplace(sandbox.record.spec->id, sandbox);
    }
    return all;
  }();
  must_commit(*store, everything);
  {
    std::fstream file(file_in(home.path()), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8192);
    file << std::string(fs::file_size(file_in(home.path())) - 8192, '\xff');
  }
  std::vector<ErrorKind> kinds;
  for (int i = 0; i < 2000 && kinds.size() < 2; i += 7) {
    const auto done = commit(*store, write_of(bare_sandbox("pod-" + std::to_string(i))));
    if (!done) kinds.push_back(done.error().kind);
  }
  BOOST_REQUIRE(kinds.size() == 2U);
  BOOST_TEST((kinds[0] == ErrorKind::unavailable));
  BOOST_TEST((kinds[1] == ErrorKind::aborted));
  BOOST_TEST(put_aside_in(home.path()).size() == 1U);
  must_commit(*store, everything);
  store.reset();
  BOOST_TEST(contents_of(home.path()).sandboxes.size() == 2000U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
