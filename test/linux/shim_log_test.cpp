#include "services/linux/shims/shim_log.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "services/host/unique_fd.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

using namespace linux_runtime;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

/// FIFOs, and what is read of them. A line "wait" holds up whoever tells it until `go_on`.
struct Fifos {
  Fifos() {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    log::set_sink(
        [this](log::Level, std::string_view component, std::string_view sandbox, std::string_view text) {
          if (text == "wait") {
            waits.set_value();
            gate.get_future().wait();
          }
          if (sandbox == "loud" && repeated >= 0) write_line(repeated, text);
          const std::lock_guard lock(mutex);
          lines.push_back(std::string(component) + " " + std::string(sandbox) + " " + std::string(text));
        });
    logs.emplace();
  }
  ~Fifos() {
    logs.reset();
    log::set_sink({});
    std::error_code ignored;
    fs::remove_all(directory, ignored);
  }

  std::string path(const std::string& id) const { return directory / id; }
  host::UniqueFd writer(const std::string& id) {
    BOOST_REQUIRE(logs->read(id, path(id)));
    host::UniqueFd fd(open(path(id).c_str(), O_WRONLY | O_CLOEXEC));
    BOOST_REQUIRE(fd);
    return fd;
  }
  static void write(const host::UniqueFd& fd, const std::string& text) {
    BOOST_TEST(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  static void write_line(int fd, std::string_view text) {
    const std::string line = std::string(text) + "\n";
    BOOST_TEST(::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  }
  void go_on() { gate.set_value(); }

  std::vector<std::string> told() {
    const std::lock_guard lock(mutex);
    return lines;
  }
  bool is_told(const std::string& line) {
    return eventually([&] {
      const auto all = told();
      return std::ranges::find(all, line) != all.end();
    });
  }

  fs::path directory;
  std::mutex mutex;
  std::vector<std::string> lines;
  std::atomic<int> repeated = -1;  // where each line of "loud" is written
  std::promise<void> waits;
  std::promise<void> gate;
  std::optional<ShimLogs> logs;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shim_logs, Fifos)

BOOST_AUTO_TEST_CASE(each_line_is_told) {
  const auto a = writer("a");
  const auto b = writer("b");
  write(a, "one\ntw");
  write(b, "another\n");
  write(a, "o\n");
  BOOST_TEST(is_told("shim a two"));
  BOOST_TEST(is_told("shim b another"));
  BOOST_TEST(is_told("shim a one"));
  BOOST_TEST(told().size() == 3U);
}

// Also what nobody has seen yet: here the reader is held up, so that all is there when it comes to it.
BOOST_AUTO_TEST_CASE(last_words_are_told) {
  write(writer("a"), "wait\n");
  waits.get_future().wait();
  write(writer("b"), "last\nwords");
  logs->forget("b");
  go_on();
  BOOST_TEST(is_told("shim b last"));
  BOOST_TEST(is_told("shim b words"));
}

BOOST_AUTO_TEST_CASE(one_that_is_forgotten_can_be_read_again) {
  write(writer("a"), "one\n");
  BOOST_TEST(is_told("shim a one"));
  logs->forget("a");
  fs::remove(path("a"));
  write(writer("a"), "two\n");
  BOOST_TEST(is_told("shim a two"));
}

BOOST_AUTO_TEST_CASE(a_line_without_an_end_is_told_in_pieces) {
  const std::size_t piece = 16 << 10;
  write(writer("a"), std::string(2 * piece + 3, 'x') + "\nnext\n");
  BOOST_TEST(is_told("shim a next"));
  const auto all = told();
  BOOST_REQUIRE(all.size() == 4U);
  BOOST_TEST(all[0] == "shim a " + std::string(piece, 'x'));
  BOOST_TEST(all[2] == "shim a xxx");
}

// It is never empty: whatever is read of it is written into it again.
BOOST_AUTO_TEST_CASE(one_that_never_stops_holds_up_no_other) {
  const auto loud = writer("loud");
  const auto quiet = writer("quiet");
  repeated = loud.get();
  write(loud, "more\nand more\n");
  BOOST_TEST(is_told("shim loud more"));
  write(quiet, "here\n");
  BOOST_TEST(is_told("shim quiet here"));
  repeated = -1;
}

// Whoever reads of a FIFO that nobody writes to any more is told of its end again and again.
BOOST_AUTO_TEST_CASE(nothing_is_done_when_nobody_speaks) {
  write(writer("a"), "one\n");
  BOOST_TEST(is_told("shim a one"));
  const auto busy = [] {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return std::chrono::seconds(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           std::chrono::microseconds(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  };
  const auto before = busy();
  std::this_thread::sleep_for(300ms);
  BOOST_TEST((busy() - before < 100ms));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_an_error) {
  const auto missing = logs->read("a", path("no/directory"));
  BOOST_REQUIRE(!missing);
  BOOST_TEST((missing.error().kind == ErrorKind::unavailable));
  fs::create_symlink("/dev/null", path("b"));
  BOOST_TEST(!logs->read("b", path("b")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
