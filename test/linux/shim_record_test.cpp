#include "services/linux/shims/shim_record.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "services/host/file_text.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/spawn.hpp"
#include "test/linux/eventually.hpp"

/// Which process is the shim of a pod: another one must not be ended for it.
namespace podsandbox::test {

using namespace linux_runtime;

namespace {

namespace fs = std::filesystem;

constexpr const char* pod = "pod";
constexpr const char* boot = "boot";

struct Bundle {
  Bundle() {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    state_dir = pattern;
    fs::create_directories(place().bundle);
  }
  ~Bundle() {
    for (const int pid : pids) end(pid);
    std::error_code ignored;
    fs::remove_all(state_dir, ignored);
  }

  ShimPlace place() const { return shim_place(state_dir, pod); }
  void had_one() const { std::ofstream(place().log) << ""; }

  /// A process with these arguments, by default in the bundle, which is there until it is ended.
  int run(const std::vector<std::string>& words, const std::string& directory, const std::string& command) {
    host::Program program{"sh", {"-c", command + "; :", "shim"}, host::environment_with({}), directory, {}};
    program.arguments.insert(program.arguments.end(), words.begin(), words.end());
    const auto pid = host::spawn(program);
    BOOST_REQUIRE(pid);
    pids.push_back(*pid);
    // The kernel has let us go on before these were there.
    const auto arguments = "/proc/" + std::to_string(*pid) + "/cmdline";
    BOOST_TEST(eventually([&] { return !host::read_file(arguments).value_or("").empty(); }));
    return *pid;
  }
  int run(const std::vector<std::string>& words = {"-namespace", "k8s.io", "-id", pod, "-address", "a"}) {
    return run(words, place().bundle, "sleep 1000");
  }
  static void end(int pid) {
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  static std::uint64_t start_of(int pid) { return host::read_stat(pid)->start_time; }

  void record(int pid, std::uint64_t start_time, const std::string& boot_id = boot) const {
    BOOST_REQUIRE(write_shim_record(place(), {boot_id, pid, start_time}));
  }
  /// Its pid; 0: there is none.
  int found() const {
    FormerShims former(state_dir);
    const auto shim = former.find(pod, boot);
    return shim ? shim->pid : 0;
  }

  fs::path state_dir;
  std::vector<int> pids;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shim_records, Bundle)

BOOST_AUTO_TEST_CASE(a_pod_that_never_had_one) {
  const int pid = run();
  BOOST_TEST(!FormerShims(state_dir).had(pod));
  record(pid, start_of(pid));
  BOOST_TEST(found() == 0);
  had_one();
  BOOST_TEST(FormerShims(state_dir).had(pod));
  BOOST_TEST(found() == pid);
}

BOOST_AUTO_TEST_CASE(the_one_of_the_record) {
  had_one();
  const int pid = run({}, "/", "sleep 1000");  // by nothing else it is one
  BOOST_TEST(found() == 0);
  record(pid, start_of(pid));
  BOOST_TEST(found() == pid);
}

// The kernel has given its pid to somebody else.
BOOST_AUTO_TEST_CASE(a_record_of_one_that_is_gone) {
  had_one();
  const int other = run({}, "/", "sleep 1000");
  record(other, start_of(other) - 1);
  BOOST_TEST(found() == 0);
  record(other, start_of(other), "another boot");
  BOOST_TEST(found() == 0);
}

BOOST_AUTO_TEST_CASE(one_that_has_ended_and_is_not_reaped) {
  had_one();
  const int pid = run();
  record(pid, start_of(pid));
  kill(-pid, SIGKILL);
  BOOST_TEST(eventually([&] { return host::read_stat(pid)->state == 'Z'; }));
  BOOST_TEST(found() == 0);
}

BOOST_AUTO_TEST_CASE(a_record_that_cannot_be_read) {
  had_one();
  const int pid = run();
  for (const char* text :
       {"", "{", "[]", "7", R"({"pid": 1})", R"({"boot_id": 1, "pid": "x", "start_time": {}})"}) {
    std::ofstream(place().record) << text;
    BOOST_TEST(found() == pid, text);
  }
}

BOOST_AUTO_TEST_CASE(by_its_directory_and_its_arguments) {
  had_one();
  run({"-id", "another"});
  run({"-id"});
  run({"pod", "-id"});
  run({"-id", pod}, "/", "sleep 1000");
  BOOST_TEST(found() == 0);
  const int pid = run();
  BOOST_TEST(found() == pid);
}

// Of a process that has the same path for another directory, in a mount namespace of its own.
BOOST_AUTO_TEST_CASE(another_directory_of_that_name) {
  had_one();
  const auto ready = state_dir / "ready";
  const std::string bundles = place().bundle.substr(0, place().bundle.rfind('/'));
  run({"-id", pod}, "/",
      "exec unshare --mount sh -c 'mount -t tmpfs none " + bundles + " && mkdir " + place().bundle +
          " && cd " + place().bundle + " && touch " + ready.string() + " && sleep 1000; :' shim -id pod");
  BOOST_TEST(eventually([&] { return fs::exists(ready); }));
  BOOST_TEST(found() == 0);
}

BOOST_AUTO_TEST_CASE(a_record_is_written_whole_or_not_at_all) {
  record(1, 2);
  fs::create_directory(place().record + "~");  // where it is drafted
  BOOST_TEST(!write_shim_record(place(), {boot, 3, 4}));
  const int pid = run();
  had_one();
  BOOST_TEST(found() == pid);
  fs::remove(place().record + "~");
  record(5, 6);
  BOOST_TEST(!fs::exists(place().record + "~"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
