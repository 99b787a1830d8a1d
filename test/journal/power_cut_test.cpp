#include "test/journal/power_cut.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "test/journal/flip.hpp"
#include "test/journal/stores.hpp"
#include "test/journal/stream.hpp"
#include "test/linux/eventually.hpp"

/// The power goes at any moment: every write that had been answered is there, and none is there by halves.
namespace podsandbox::test {

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(power_cut)

namespace {

/// Opens what is left after a power cut. That is no damage, so no notice may say so.
std::string fault_of(const fs::path& directory, std::uint64_t answered, std::uint64_t begun) {
  const auto opened = journal::Store::open(directory, keep_all);
  if (!opened) return opened.error().message;
  if (!opened->notices.empty()) return opened->notices.front();
  std::string why;
  const auto found = stream::writes_in(opened->contents, why);
  if (found < 0) return why;
  const auto n = static_cast<std::uint64_t>(found);
  if (n >= answered && n <= begun) return {};
  return std::to_string(n) + " writes are there, " + std::to_string(answered) + " were answered and " +
         std::to_string(begun) + " begun";
}

void check(const fs::path& directory, std::uint64_t answered, std::uint64_t begun, const std::string& when) {
  const auto fault = fault_of(directory, answered, begun);
  if (!fault.empty()) BOOST_ERROR(when + ": " + fault);
}

/// Some of the stream's writes need not survive a power cut.
journal::Write mixed_write(std::uint64_t n) {
  auto write = stream::write(n);
  if (n % 3 == 0) write.survives = journal::Survives::process;
  return write;
}

/// A journal that is used for a while, with everything that it does to its files.
class Recording {
 public:
  explicit Recording(std::uint64_t writes) {
    const TemporaryDirectory home;
    WatchedDisk disk;
    disk.watch = [this](const DiskOp& op) {
      ops_.push_back(op);
      return SQLITE_OK;
    };
    auto store = open_store(home.path()).store;
    for (std::uint64_t n = 1; n <= writes; ++n) {
      const auto write = mixed_write(n);
      must_commit(*store, write);
      answers_.push_back(ops_.size());
      if (write.survives == journal::Survives::power_cut) lasting_.emplace_back(ops_.size(), n);
      if (n == writes / 2) store = (store.reset(), open_store(home.path()).store);
    }
  }

  const std::vector<DiskOp>& ops() const { return ops_; }

  std::uint64_t answered_before(std::size_t op) const {
    return static_cast<std::uint64_t>(std::upper_bound(answers_.begin(), answers_.end(), op) -
                                      answers_.begin());
  }

  /// The last one of those that is to survive a power cut.
  std::uint64_t lasting_before(std::size_t op) const {
    const auto next =
        std::ranges::upper_bound(lasting_, op, {}, &std::pair<std::size_t, std::uint64_t>::first);
    return next == lasting_.begin() ? 0 : std::prev(next)->second;
  }

  /// Whether a checkpoint is on its way, or something else that is rare.
  bool unusual(std::size_t op) const {
    return op < 60 || ops_[op].file != "journal.sqlite3-wal" || ops_[op].kind == DiskOp::Kind::truncate ||
           ops_[op].kind == DiskOp::Kind::remove;
  }

 private:
  std::vector<DiskOp> ops_;
  std::vector<std::size_t> answers_;  // how many had been done when a write was answered
  std::vector<std::pair<std::size_t, std::uint64_t>> lasting_;  // the same, and which write it was
};

/// What a process that writes tells of a write that was answered.
struct Answer {
  std::uint64_t write = 0;
  std::uint64_t end_of_log = 0;  // behind it, nothing that had been answered was written
};

[[noreturn]] void write_for_ever(const fs::path& directory, int answers) {
  WatchedDisk disk;
  Answer answer;
  disk.watch = [&](const DiskOp& op) {
    if (op.kind == DiskOp::Kind::write && op.file.ends_with("-wal")) {
      answer.end_of_log = static_cast<std::uint64_t>(op.offset) + op.data.size();
    }
    return SQLITE_OK;
  };
  auto opened = journal::Store::open(directory, keep_all);
  while (opened) {
    const auto write = mixed_write(++answer.write);
    if (!opened->store->commit({&write, 1})) break;
    if (::write(answers, &answer, sizeof answer) != sizeof answer) break;
  }
  _exit(1);
}

/// A process that does nothing but write to a journal, and ends with this object.
class BusyProcess {
 public:
  explicit BusyProcess(const fs::path& directory) {
    int ends[2];
    BOOST_REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    pid_ = fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0) write_for_ever(directory, ends[1]);
    close(ends[1]);
    answers_ = ends[0];
    fcntl(answers_, F_SETFL, O_NONBLOCK);
  }
  BusyProcess(const BusyProcess&) = delete;
  BusyProcess& operator=(const BusyProcess&) = delete;
  ~BusyProcess() {
    end();
    close(answers_);
  }

  void stop() const {
    kill(pid_, SIGSTOP);
    int status = 0;
    waitpid(pid_, &status, WUNTRACED);
  }
  void go_on() const { kill(pid_, SIGCONT); }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

  /// The last one that it told of.
  Answer last_answer() {
    Answer next;
    while (read(answers_, &next, sizeof next) == sizeof next) last_ = next;
    return last_;
  }

 private:
  pid_t pid_ = 0;
  int answers_ = -1;
  Answer last_;
};

enum class Tail : std::uint8_t { as_it_is, torn_off, zeroed, flipped };

void change_tail(const fs::path& log, std::uint64_t from, Tail tail, std::mt19937& random) {
  std::error_code none;
  const auto size = fs::file_size(log, none);
  if (none || size <= from || tail == Tail::as_it_is) return;
  const auto begin = from + random() % (size - from);
  if (tail == Tail::torn_off) return fs::resize_file(log, begin);
  std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes(size - begin, '\0');
  file.seekg(static_cast<std::streamoff>(begin));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (tail == Tail::zeroed) std::fill(bytes.begin(), bytes.end(), '\0');
  if (tail == Tail::flipped) flip_a_bit(bytes[random() % bytes.size()], random);
  file.seekp(static_cast<std::streamoff>(begin));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(at_any_change_to_any_file) {
  const Recording recording(420);
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  ForgetfulDisk disk;
  unsigned cuts = 0;
  std::size_t usual = 0;
  std::size_t checkpoint = 0;
  for (std::size_t op = 0; op <= recording.ops().size(); ++op) {
    const bool last = op == recording.ops().size();
    // Each is like its neighbours: some of each sort will do.
    const bool chosen =
        last || op < 60 || (recording.unusual(op) ? checkpoint++ % 6 == 0 : usual++ % 24 == 0);
    if (chosen) {
      const auto answered = recording.answered_before(op);
      for (const auto unsynced : {Unsynced::kept, Unsynced::lost, Unsynced::torn, Unsynced::garbage}) {
        const TemporaryDirectory home(place_in_memory());
        disk.power_cut(home.path(), unsynced, random);
        check(home.path(), recording.lasting_before(op), answered + 1,
              "change " + std::to_string(op) + ", variant " + std::to_string(static_cast<int>(unsynced)));
        ++cuts;
      }
    }
    if (!last) disk.apply(recording.ops()[op]);
  }
  BOOST_TEST_MESSAGE(cuts << " power cuts in " << recording.ops().size() << " changes, " << checkpoint
                          << " of them not to the log");
  BOOST_TEST(checkpoint > 100U);  // else the stream was too short for a checkpoint
}

/// A real process is stopped at any instruction, and what its files hold then is opened elsewhere: also with
/// the end of the log, behind what was answered, torn off, zeroed or changed.
BOOST_AUTO_TEST_CASE(of_a_process_that_writes) {
  const TemporaryDirectory home;
  const auto journal = home.path() / "journal";
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  BusyProcess process(journal);
  BOOST_REQUIRE(eventually([&] { return process.last_answer().write > 0; }));
  for (int cut = 0; cut < 60; ++cut) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
    process.stop();
    const auto answer = process.last_answer();
    for (const auto tail : {Tail::as_it_is, Tail::torn_off, Tail::zeroed, Tail::flipped}) {
      const TemporaryDirectory copy(place_in_memory());
      fs::copy(journal, copy.path());
      change_tail(copy.path() / "journal.sqlite3-wal", answer.end_of_log, tail, random);
      check(copy.path(), answer.write, answer.write + 1,
            "copy " + std::to_string(cut) + ", tail " + std::to_string(static_cast<int>(tail)));
    }
    process.go_on();
  }
  process.end();
  const auto answer = process.last_answer();
  check(journal, answer.write, answer.write + 1, "the journal of the killed process");
  BOOST_TEST_MESSAGE(answer.write << " writes were answered");
}

namespace {

constexpr auto decided = "journal.sqlite3.new-20260102T030405Z";
constexpr auto aside = "journal.sqlite3.damaged-20260102T030405Z";

/// A journal with one sandbox `id`, as one file.
void make_journal(const fs::path& file, const std::string& id) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store, write_of(bare_sandbox(id)));
  fs::copy_file(file_in(home.path()), file);
}

/// The log of a journal that was not closed, with one sandbox `id` in it.
void make_log(const fs::path& file, const std::string& id) {
  const TemporaryDirectory home;
  const auto store = open_store(home.path()).store;
  must_commit(*store, write_of(bare_sandbox(id)));
  fs::copy_file(home.path() / "journal.sqlite3-wal", file);
}

}  // namespace

/// The replacement of a damaged journal ends after any of its steps: it is completed.
BOOST_AUTO_TEST_CASE(while_a_damaged_journal_is_replaced) {
  for (int steps = 0; steps < 3; ++steps) {
    const TemporaryDirectory home;
    make_journal(home.path() / decided, "new");
    // What the log of the old journal says must not get into the new one.
    make_journal(home.path() / (steps < 2 ? "journal.sqlite3" : aside), "old");
    make_log(home.path() / (steps < 1 ? "journal.sqlite3-wal" : std::string(aside) + "-wal"), "old");
    std::ofstream(home.path() / "journal.sqlite3.building") << "left over";
    const auto opened = open_store(home.path());
    BOOST_TEST(opened.contents.sandboxes.size() == 1U);
    BOOST_TEST(opened.contents.sandboxes.contains("new"));
    BOOST_REQUIRE(opened.notices.size() == 1U);
    BOOST_TEST(contains(opened.notices.front(), (home.path() / aside).string()));
    BOOST_TEST(put_aside_in(home.path()).size() == 1U);
    BOOST_TEST(fs::exists(home.path() / (std::string(aside) + "-wal")));
    BOOST_TEST(!fs::exists(home.path() / decided));
    BOOST_TEST(!fs::exists(home.path() / "journal.sqlite3.building"));
  }
}

/// Before it was decided, nothing has happened.
BOOST_AUTO_TEST_CASE(while_the_replacement_is_written) {
  const TemporaryDirectory home;
  make_journal(file_in(home.path()), "old");
  std::ofstream(home.path() / "journal.sqlite3.building") << "half of it";
  const auto contents = contents_of(home.path());
  BOOST_TEST(contents.sandboxes.contains("old"));
  BOOST_TEST(!fs::exists(home.path() / "journal.sqlite3.building"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
