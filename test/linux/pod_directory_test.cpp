#include "services/host/pod_directory.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "services/host/owner_mark.hpp"

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using namespace host;

using Ids = std::set<std::string>;

// CRI's `sandboxes`, on this file system or on one of its own.
struct Sandboxes {
  explicit Sandboxes(const char* type = nullptr) {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
    mounted = type != nullptr && mount("none", path.c_str(), type, 0, nullptr) == 0;
    fd.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Sandboxes() {
    fd.reset();
    if (mounted) umount2(path.c_str(), MNT_DETACH);
    fs::remove_all(path);
  }
  Sandboxes(const Sandboxes&) = delete;
  Sandboxes& operator=(const Sandboxes&) = delete;

  int make(const std::string& id, const std::string& owner = "us") const {
    UniqueFd made;
    return make_pod_directory(fd.get(), id, owner, made);
  }
  int remove(const std::string& id, PodFiles which, const std::string& owner = "us") const {
    return remove_pod_directory(fd.get(), id, owner, which);
  }
  Ids marked(const std::string& owner = "us") const { return marked_pod_directories(fd.get(), owner); }

  fs::path path;
  UniqueFd fd;
  bool mounted = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pod_directories)

BOOST_AUTO_TEST_CASE(made_marked_and_removed) {
  for (const char* type : {static_cast<const char*>(nullptr), "tmpfs"}) {
    const Sandboxes sandboxes(type);
    BOOST_TEST(sandboxes.make("one") == 0);
    BOOST_TEST((fs::status(sandboxes.path / "one").permissions() == static_cast<fs::perms>(0755)));
    BOOST_TEST(fs::is_empty(sandboxes.path / "one"));
    BOOST_TEST(read_mark(sandboxes.path / "one").value_or("none") == "us");
    BOOST_TEST((sandboxes.marked() == Ids{"one"}));
    BOOST_TEST(sandboxes.make("one") == EEXIST);
    std::ofstream(sandboxes.path / "one/hosts") << "text";
    BOOST_TEST(sandboxes.remove("one", PodFiles::marked) == 0);
    BOOST_TEST(fs::is_empty(sandboxes.path));
  }
}

// Whatever the one who asks believes of them.
BOOST_AUTO_TEST_CASE(of_another_owner) {
  const Sandboxes sandboxes;
  BOOST_TEST(sandboxes.make("one", "they") == 0);
  BOOST_TEST(sandboxes.make("one", "us") == EEXIST);
  for (const auto which : {PodFiles::marked, PodFiles::ours}) BOOST_TEST(sandboxes.remove("one", which) == 0);
  BOOST_TEST(fs::exists(sandboxes.path / "one"));
  BOOST_TEST(sandboxes.marked().empty());
  BOOST_TEST((sandboxes.marked("they") == Ids{"one"}));
}

// Nobody knows of a directory without a mark whose it is, but for who made it.
BOOST_AUTO_TEST_CASE(without_a_mark) {
  const Sandboxes sandboxes;
  fs::create_directory(sandboxes.path / "one");
  BOOST_TEST(sandboxes.make("one") == EEXIST);
  BOOST_TEST(sandboxes.remove("one", PodFiles::marked) == 0);
  BOOST_TEST(sandboxes.marked().empty());
  BOOST_TEST(fs::exists(sandboxes.path / "one"));
  BOOST_TEST(sandboxes.remove("one", PodFiles::ours) == 0);
  BOOST_TEST(fs::is_empty(sandboxes.path));
}

// ramfs keeps no attributes.
BOOST_AUTO_TEST_CASE(where_there_are_no_marks) {
  const Sandboxes sandboxes("ramfs");
  BOOST_REQUIRE(sandboxes.mounted);
  BOOST_TEST(sandboxes.make("one") == 0);
  BOOST_TEST(!read_mark(sandboxes.path / "one").has_value());
  BOOST_TEST(sandboxes.make("one") == EEXIST);
  BOOST_TEST(std::distance(fs::directory_iterator(sandboxes.path), {}) == 1);
  BOOST_TEST(sandboxes.remove("one", PodFiles::marked) == 0);
  BOOST_TEST(fs::exists(sandboxes.path / "one"));
  BOOST_TEST(sandboxes.remove("one", PodFiles::ours) == 0);
  BOOST_TEST(fs::is_empty(sandboxes.path));
}

// Whoever makes one is killed at any moment. What is left is known to be ours, and is removed; what others
// made meanwhile stays.
BOOST_AUTO_TEST_CASE(killed_while_it_is_made) {
  std::mt19937 random(std::random_device{}());
  constexpr int rounds = 300;
  constexpr unsigned longest_us = 400;
  for (int i = 0; i < rounds; ++i) {
    const Sandboxes sandboxes;
    BOOST_REQUIRE(sandboxes.make("theirs", "they") == 0);
    const pid_t maker = fork();
    if (maker == 0) {
      (void)sandboxes.make("one");
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % longest_us));  // a moment by chance
    kill(maker, SIGKILL);
    BOOST_REQUIRE(waitpid(maker, nullptr, 0) == maker);
    const bool nothing = std::distance(fs::directory_iterator(sandboxes.path), {}) == 1;
    BOOST_TEST((sandboxes.marked() == (nothing ? Ids{} : Ids{"one"})));
    BOOST_TEST(sandboxes.remove("one", PodFiles::marked) == 0);
    BOOST_TEST(std::distance(fs::directory_iterator(sandboxes.path), {}) == 1);
    BOOST_TEST(fs::exists(sandboxes.path / "theirs"));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
