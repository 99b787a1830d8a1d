#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <future>

#include "proto/runc_options.pb.h"
#include "services/host/cgroup.hpp"
#include "services/host/unique_fd.hpp"
#include "test/linux/eventually.hpp"
#include "test/linux/shim_pods.hpp"

/// What is slow, hangs or cannot be known, around the end of a shim.
namespace podsandbox::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// A new cgroup that can be frozen; there is none in version 2, whose processes can always be killed.
std::optional<fs::path> freezer_cgroup(const std::string& path) {
  for (const auto& mount : host::find_all_hierarchies()) {
    const fs::path cgroup = mount.string() + path;
    if (mount.filename() != "freezer") continue;
    fs::create_directory(cgroup);
    return cgroup;
  }
  return std::nullopt;
}

/// An OCI runtime that does not answer what it is asked of a container until it may.
struct SlowRuntime : ShimPods {
  fs::path go() const { return home.path() / "go"; }
  fs::path asked() const { return home.path() / "asked"; }

  void leave_slow_container() const {
    leave_container();
    std::ofstream(home.path() / "runc-program")
        << "#!/bin/sh\ncase \"$*\" in *delete*) rm -r \"$2/left\" ;;\n*) echo $$ >" << asked().string()
        << "\nwhile [ ! -e " << go().string() << " ]; do sleep 0.01; done\nexit 1 ;; esac\n";
  }
  SandboxSpec spec_in(const std::string& shim_cgroup) const {
    auto wanted = spec();
    ::containerd::runc::v1::Options options;
    options.ParseFromString(wanted.runtime_options.value);
    options.set_shim_cgroup(shim_cgroup);
    wanted.runtime_options.value = options.SerializeAsString();
    return wanted;
  }
  void open_with_deadline(std::chrono::milliseconds deadline) {
    close();
    settings.deadline = deadline;
    open();
  }
  bool is_asked() const {
    return eventually([&] { return fs::exists(asked()) && fs::file_size(asked()) > 0; });
  }
  /// Until its answer has come, too: whatever is asked after it is answered after it.
  void let_it_answer() {
    int pid = 0;
    std::ifstream(asked()) >> pid;
    std::ofstream(go()) << "";
    BOOST_TEST(eventually([&] { return !fs::exists("/proc/" + std::to_string(pid)); }));
    for (int i = 0; i < 20; ++i) {
      std::promise<void> answered;
      runtime->list([&](const auto&) { answered.set_value(); });
      BOOST_TEST((answered.get_future().wait_for(20s) == std::future_status::ready));
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shim_faults, SlowRuntime)

// It is about the containers of a shim that runs by now.
BOOST_AUTO_TEST_CASE(a_list_that_comes_too_late_is_not_believed) {
  settings.shims.patience = 200ms;
  close();
  open();
  start();
  const int first = ask();
  leave_slow_container();
  kill_hard(first);
  BOOST_TEST(is_asked());
  BOOST_TEST(ask_until_answered() != first);
  let_it_answer();
  BOOST_TEST(log.count("that is removed") == 0U);
  BOOST_TEST(fs::exists(container()));
  remove();
  BOOST_TEST(!fs::exists(container()));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_removed_is_removed_later) {
  start();
  const int pid = ask();
  leave_container(false);
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return log.count("it is tried again") == 1U; }));
  BOOST_TEST(ask_until_answered() != pid);
  leave_container();
  BOOST_TEST(eventually([&] { return !fs::exists(container()); }));
  BOOST_TEST(
      eventually([&] { return log.count("the containers that its shim has left are removed") == 1U; }));
  remove();
}

// The second shim dies while the container of the first is being removed, which takes its time.
BOOST_AUTO_TEST_CASE(what_more_is_left_meanwhile_is_removed_too) {
  start();
  const int first = ask();
  leave_container();
  std::ofstream(home.path() / "runc-program")
      << "#!/bin/sh\ncase \"$*\" in *delete*) echo $$ >" << asked().string() << "\nwhile [ ! -e "
      << go().string() << " ]; do sleep 0.01; done\nrm -r \"$2/$5\" ;; *) exit 1 ;; esac\n";
  kill_hard(first);
  BOOST_TEST(is_asked());
  const int second = ask_until_answered();
  const auto other = container().parent_path() / "other";
  fs::copy(container(), other);
  kill_hard(second);
  BOOST_TEST(eventually([&] { return log.count("left container other: that is removed") == 1U; }));
  std::ofstream(go()) << "";
  BOOST_TEST(eventually([&] { return !fs::exists(container()) && !fs::exists(other); }));
  remove();
}

BOOST_AUTO_TEST_CASE(a_pod_does_not_end_while_it_is_not_known_what_is_left) {
  start();
  const int pid = ask();
  leave_container();
  const auto program = home.path() / "runc-program";
  fs::rename(program, home.path() / "gone");
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return log.count("is not known") >= 1U; }));
  const auto refused = cleanup();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("its containers: ") != std::string::npos, refused.error().message);
  BOOST_TEST(fs::exists(place().bundle));
  BOOST_TEST(fs::exists(place().socket));
  fs::rename(home.path() / "gone", program);
  remove();
  BOOST_TEST(!fs::exists(container()));
}

// Nor is the shim killed: it may have them.
BOOST_AUTO_TEST_CASE(a_shim_is_not_killed_while_it_is_not_known_what_it_has) {
  mode("stays");
  start();
  const int pid = ask();
  leave_container();
  const auto program = home.path() / "runc-program";
  fs::rename(program, home.path() / "gone");
  BOOST_TEST(!cleanup());
  BOOST_TEST(ask() == pid);
  fs::rename(home.path() / "gone", program);
  remove();
  BOOST_TEST(starts().size() == 1U);
}

// Where there should be a file of its cgroup is a FIFO that nobody reads.
BOOST_AUTO_TEST_CASE(an_end_does_not_wait_for_a_start_that_hangs) {
  const auto hanging = home.path() / "hanging";
  fs::create_directory(hanging);
  BOOST_REQUIRE(mkfifo((hanging / "cgroup.procs").c_str(), 0600) == 0);
  BOOST_REQUIRE(start(spec_in("../../../../../.." + hanging.string())));
  open_with_deadline(4s);
  BOOST_TEST(eventually([&] { return connect().connected() && !starts().empty(); }));
  const auto refused = cleanup();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("its shim's start is not over, it hangs") != std::string::npos,
             refused.error().message);
  fs::rename(hanging / "cgroup.procs", hanging / "hung");
  const host::UniqueFd reader(::open((hanging / "hung").c_str(), O_RDWR | O_CLOEXEC));
  BOOST_TEST(
      eventually([&] { return log.count("its shim is started") + log.count("starting its shim") == 1U; }));
  remove();
}

// Of which there is a bundle, until it is found to belong to nobody.
BOOST_AUTO_TEST_CASE(a_new_pod_gets_no_shim_of_a_former_one) {
  close();
  fs::create_directories(place().bundle);
  BOOST_REQUIRE(mkfifo(place().log.c_str(), 0600) == 0);
  open();
  const auto refused = start(spec());
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("there is a shim of a former pod of this id") != std::string::npos,
             refused.error().message);
  BOOST_TEST(remains() == "");  // a start that failed is undone with all that has its id
  start();
  BOOST_TEST(ask() != 0);
  remove();
}

BOOST_AUTO_TEST_CASE(one_that_does_not_die_is_told_of) {
  mode("stays");
  const std::string cgroup = "/" + home.path().filename().string();
  const auto freezer = freezer_cgroup(cgroup);
  if (!freezer) return;  // nothing keeps a process from being killed here
  BOOST_REQUIRE(start(spec_in(cgroup)));
  open_with_deadline(4s);
  const int pid = ask_until_answered();
  std::ofstream(*freezer / "freezer.state") << "FROZEN" << std::flush;
  const auto refused = cleanup();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("its shim does not die of SIGKILL") != std::string::npos,
             refused.error().message);
  BOOST_TEST(fs::exists("/proc/" + std::to_string(pid)));
  BOOST_TEST(fs::exists(place().bundle));
  std::ofstream(*freezer / "freezer.state") << "THAWED" << std::flush;
  remove();
  fs::remove(*freezer);
}

BOOST_AUTO_TEST_CASE(one_that_is_told_to_end_ends_by_itself) {
  start();
  BOOST_TEST(ask() != 0);
  remove();
  BOOST_TEST(log.count("otherwise than") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
