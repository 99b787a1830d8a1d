#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <mutex>

#include "messages/log.hpp"
#include "services/host/cgroup.hpp"
#include "services/host/owner_mark.hpp"
#include "services/host/pod_files.hpp"
#include "test/conformance/linux_fixture.hpp"
#include "test/linux/eventually.hpp"

/// What bears our mark and belongs to no sandbox is told of and removed, and nothing else is.
namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto grace = 300ms;

// A look that is held up by others (it counts the time) makes the next one later, up to 200 times as much.
template <class Condition>
bool some_time(Condition condition) {
  return eventually(condition, 60s);
}

// The log, for as long as this lives.
class Log {
 public:
  Log() {
    log::set_sink([this](log::Level, std::string_view, std::string_view, std::string_view message) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(message);
    });
  }
  ~Log() { log::set_sink({}); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// How many lines have both.
  unsigned count(const std::string& one, const std::string& other) {
    const std::lock_guard lock(mutex_);
    unsigned count = 0;
    for (const auto& line : lines_) {
      if (line.find(one) != std::string::npos && line.find(other) != std::string::npos) ++count;
    }
    return count;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

struct Swept {
  explicit Swept(bool dry_run = false)
      : runtime([dry_run](linux_runtime::Settings& settings) {
          settings.sweep = {grace, dry_run, 50ms};
        }) {}
  ~Swept() {
    const auto processes = runtime.port().list().value();
    for (const auto& process : processes) runtime.port().cleanup(process.id).value();
    for (const std::string& whose : {std::string("they"), owner}) {
      for (const char* name : {"lost", "theirs", "lives"}) {
        (void)host::remove_cgroup(mounts, cgroup(name), whose);
      }
    }
    BOOST_TEST(cgroups_named(parent).empty());
  }

  std::string cgroup(const std::string& id) const { return "/" + parent + "/pod/" + id; }
  void make_cgroup(const std::string& id, const std::string& owner) const {
    const auto made = host::make_cgroup(mounts, cgroup(id), owner);
    BOOST_REQUIRE_MESSAGE(made, made.error().message);
  }
  void make_files(const std::string& id, const std::string& owner) {
    const auto made = host::make_pod_files(cri(), owner, spec_of(id), "host");
    BOOST_REQUIRE_MESSAGE(made, made.error().message);
  }
  CriSettings cri() { return runtime.home().settings().cri; }
  std::vector<fs::path> directories(const std::string& id) {
    return {cri().root_dir + "/sandboxes/" + id, cri().state_dir + "/sandboxes/" + id};
  }
  bool has_directories(const std::string& id) {
    const auto all = directories(id);
    return fs::exists(all[0]) && fs::exists(all[1]);
  }
  bool has_cgroups(const std::string& id) const {
    return cgroups_named(id, parent).size() == mounts.paths.size();
  }
  /// Something that is found after what was there before: when it is gone, that would be, too.
  void wait_for_the_next_removal() {
    make_files("last", owner);
    BOOST_REQUIRE(some_time(
        [this] { return !fs::exists(directories("last")[0]) && !fs::exists(directories("last")[1]); }));
  }

  Log log;
  const host::CgroupMounts mounts = host::find_cgroup_mounts();
  LinuxFixture runtime;
  const std::string parent = "sweep-" + runtime.home().path().filename().string();
  const std::string owner = runtime.home().settings().owner();
};

SpecPtr in_cgroup(const std::string& id, const std::string& parent) {
  return share(spec_of(id, [&](auto& config) { config.mutable_linux()->set_cgroup_parent(parent); }));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linux_sweep)

BOOST_FIXTURE_TEST_CASE(what_belongs_to_nothing, Swept) {
  make_cgroup("lost", owner);
  make_files("lost", owner);
  BOOST_TEST(runtime.home().mounts().size() == 1U);
  BOOST_TEST(some_time([&] { return cgroups_named(parent).empty() && runtime.leftovers().empty(); }),
             runtime.leftovers());
  for (const auto& place :
       {cgroup("lost"), directories("lost")[0].string(), directories("lost")[1].string()}) {
    BOOST_TEST(some_time([&] { return log.count("removed: ", " " + place + ",") == 1; }), place);
    BOOST_TEST(log.count("belongs to no sandbox that is known", " " + place + " ") == 1U, place);
  }
}

// What somebody else made, or bears no mark, or is a sandbox's.
BOOST_FIXTURE_TEST_CASE(everything_else_stays, Swept) {
  make_cgroup("theirs", "they");
  make_files("theirs", "they");
  for (const auto& place : directories("unmarked")) fs::create_directories(place);
  for (const auto& mount : mounts.paths) fs::create_directory(mount.string() + cgroup("unmarked"));
  BOOST_REQUIRE(runtime.port().start(in_cgroup("lives", parent + "/pod")));
  BOOST_REQUIRE(runtime.port().start(in_cgroup("stopped", parent + "/pod")));
  BOOST_TEST(runtime.port().kill("stopped", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("stopped").has_value());
  BOOST_TEST(runtime.port().cleanup("stopped", runtime::Extent::task).has_value());

  wait_for_the_next_removal();
  for (const char* id : {"theirs", "unmarked", "lives", "stopped"}) BOOST_TEST(has_directories(id), id);
  for (const char* id : {"theirs", "unmarked", "lives"}) BOOST_TEST(has_cgroups(id), id);
  for (const char* id : {"theirs", "unmarked", "lives", "stopped"})
    BOOST_TEST(log.count("belong", id) == 0U, id);

  for (const auto& mount : mounts.paths) fs::remove(mount.string() + cgroup("unmarked"));
  for (const char* id : {"stopped", "lives"}) BOOST_TEST(runtime.port().cleanup(id).has_value());
}

BOOST_FIXTURE_TEST_CASE(with_processes, Swept) {
  make_cgroup("lost", owner);
  make_files("lost", owner);
  const pid_t process = fork();
  if (process == 0) {
    pause();
    _exit(0);
  }
  for (const auto& mount : mounts.paths) {
    std::ofstream(mount.string() + cgroup("lost") + "/cgroup.procs") << process;
  }
  // It may have been found before there was a process in it, never removed.
  BOOST_TEST(
      some_time([&] { return log.count("belongs to no sandbox that is known", cgroup("lost")) == 1; }));
  wait_for_the_next_removal();
  BOOST_TEST(has_cgroups("lost"));
  BOOST_TEST(has_directories("lost"));
  kill_hard(process);
  BOOST_TEST(waitpid(process, nullptr, 0) == process);
  BOOST_TEST(some_time([&] { return cgroups_named(parent).empty() && runtime.leftovers().empty(); }));
}

BOOST_AUTO_TEST_CASE(dry_run) {
  Swept swept(true);
  swept.make_cgroup("lost", swept.owner);
  swept.make_files("lost", swept.owner);
  const auto told = [&](const std::string& place) {
    return swept.log.count("It stays, as orphans.dry_run says", " " + place + " ") == 1;
  };
  BOOST_TEST(some_time([&] { return told(swept.cgroup("lost")) && told(swept.directories("lost")[1]); }));
  // Long enough for a removal: another daemon's would have been.
  Swept other;
  other.wait_for_the_next_removal();
  BOOST_TEST(swept.has_cgroups("lost"));
  BOOST_TEST(swept.has_directories("lost"));
  BOOST_TEST(host::remove_pod_files(swept.cri(), swept.owner, "lost", host::PodFiles::marked).has_value());
}

// What a crash leaves between two steps of making.
BOOST_FIXTURE_TEST_CASE(half_made, Swept) {
  const auto& mount = mounts.paths.front();
  fs::create_directory(mount / parent);
  const std::string announced = host::making_mark;
  BOOST_REQUIRE(host::set_mark(mount / parent, owner, announced + "made") == 0);
  fs::create_directory(mount / parent / "made");
  BOOST_REQUIRE(host::set_mark(mount / parent, owner, announced + "never-made") == 0);
  BOOST_REQUIRE(host::set_mark(mount / parent, "they", announced + "theirs") == 0);
  fs::create_directory(mount / parent / "theirs");
  BOOST_TEST(some_time([&] { return host::list_marks(mount / parent).size() == 1; }));
  BOOST_TEST(!fs::exists(mount / parent / "made"));
  BOOST_TEST(fs::exists(mount / parent / "theirs"));
  fs::remove(mount / parent / "theirs");
  fs::remove(mount / parent);
}

// All that is known of a sandbox that runs is lost: what it has is known again, and goes when it goes.
BOOST_FIXTURE_TEST_CASE(records_lost, Swept) {
  for (const char* id : {"runs", "dies"}) BOOST_REQUIRE(runtime.port().start(in_cgroup(id, parent + "/pod")));
  const auto before = runtime.port().list().value();
  fs::remove_all(runtime.home().settings().data_dir);
  for (const auto& process : before) {
    if (process.id == "dies") kill_hard(static_cast<int>(process.pid));
  }
  runtime.restart();
  BOOST_TEST(runtime.port().metrics("runs").has_value());
  wait_for_the_next_removal();
  BOOST_TEST(has_cgroups("runs"));
  BOOST_TEST(has_directories("runs"));
  BOOST_TEST(has_directories("dies"));
  BOOST_TEST(runtime.port().cleanup("runs").has_value());
  BOOST_TEST(cgroups_named("runs", parent).empty());
  BOOST_TEST(runtime.port().cleanup("dies").has_value());
  // If it had not died yet when it was looked for, its cgroup is known again, too; else the sweep removes it.
  BOOST_TEST(some_time([&] { return cgroups_named(parent).empty(); }));
  BOOST_TEST(runtime.leftovers() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
