#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <future>
#include <map>
#include <mutex>

#include "services/host/cgroup.hpp"
#include "services/host/process_record.hpp"
#include "services/linux/linux_runtime.hpp"
#include "services/linux/survey.hpp"
#include "test/linux/eventually.hpp"
#include "test/linux/runtime_home.hpp"
#include "test/linux/specs.hpp"

namespace podsandbox::test {

namespace {

using linux_runtime::LinuxRuntime;

// One life of the daemon, as far as the runtime is concerned.
class Life {
 public:
  explicit Life(const RuntimeHome& home) : runtime_(LinuxRuntime::open(home.settings()).value()) {
    runtime_->subscribe([exits = exits_](const runtime::Process& ended) {
      const std::lock_guard lock(exits->mutex);
      exits->seen[ended.id] = ended;
    });
  }

  Result<Started> start(SpecPtr spec) {
    return wait<Started>([&](auto answer) { runtime_->start(std::move(spec), answer); });
  }
  void begin_start(SpecPtr spec) {
    runtime_->start(std::move(spec), [](const Result<Started>&) {});
  }
  void begin_cleanup(const std::string& id) {
    runtime_->cleanup(id, runtime::Extent::everything, [](const Result<Done>&) {});
  }
  Result<Done> kill(const std::string& id, int signal) {
    return wait<Done>([&](auto answer) { runtime_->kill(id, signal, answer); });
  }
  Result<Done> cleanup(const std::string& id) {
    return wait<Done>([&](auto answer) { runtime_->cleanup(id, runtime::Extent::everything, answer); });
  }
  Result<std::vector<runtime::Process>> list() {
    return wait<runtime::Holdings>([&](auto answer) { runtime_->list(answer); }).map([](auto all) {
      return std::move(all.processes);
    });
  }
  std::optional<runtime::Process> ended(const std::string& id) {
    std::optional<runtime::Process> process;
    eventually([&] {
      const std::lock_guard lock(exits_->mutex);
      if (const auto it = exits_->seen.find(id); it != exits_->seen.end()) process = it->second;
      return process.has_value();
    });
    return process;
  }

 private:
  struct Exits {
    std::mutex mutex;
    std::map<std::string, runtime::Process> seen;
  };

  template <class T, class Ask>
  Result<T> wait(Ask ask) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
    auto future = promise->get_future();
    if (future.wait_for(std::chrono::seconds(30)) == std::future_status::ready) return future.get();
    return failure(ErrorKind::internal, "no answer");
  }

  std::shared_ptr<Exits> exits_ = std::make_shared<Exits>();
  std::shared_ptr<LinuxRuntime> runtime_;
};

// Runs `body` in a process of its own that is then killed: no destructor runs in it.
template <class Body>
void in_a_killed_daemon(Body body) {
  const pid_t daemon = fork();
  if (daemon == 0) {
    body();
    ::kill(getpid(), SIGKILL);
  }
  int status = 0;
  BOOST_REQUIRE(waitpid(daemon, &status, 0) == daemon);
  BOOST_REQUIRE(WIFSIGNALED(status));
}

void kill_and_wait(const RuntimeHome& home, int pid) {
  kill_hard(pid);
  BOOST_TEST(eventually([&] {
    const auto running = home.pauses();
    return std::find(running.begin(), running.end(), pid) == running.end();
  }));
}

int pid_of(Life& life, const std::string& id) {
  const auto processes = life.list().value();
  for (const auto& process : processes) {
    if (process.id == id) return static_cast<int>(process.pid);
  }
  return -1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recovery)

// The daemon is killed and started again: running sandboxes are known, with the same answer to Start, and
// what died meanwhile is told with its true status.
BOOST_AUTO_TEST_CASE(daemon_killed) {
  const RuntimeHome home;
  const auto first_answer = home.path() / "answer";
  in_a_killed_daemon([&] {
    Life life(home);
    const auto started = life.start(share(spec_of("running")));
    life.start(with_hostname("exits", "exit-42")).value();
    life.start(share(spec_of("killed"))).value();
    std::ofstream(first_answer) << started->pid << ' ' << started->created_at.time_since_epoch().count()
                                << ' ' << started->start_time << ' ' << pid_of(life, "killed");
  });
  std::uint32_t pid = 0;
  std::int64_t created = 0;
  std::uint64_t start_time = 0;
  int killed = 0;
  std::ifstream(first_answer) >> pid >> created >> start_time >> killed;
  kill_and_wait(home, killed);

  Life life(home);
  BOOST_TEST(life.list().value().size() == 3U);
  BOOST_TEST(life.ended("exits").value().exit.value().status == 42U);
  BOOST_TEST(life.ended("killed").value().exit.value().status == 137U);
  BOOST_TEST(life.ended("killed").value().pid == static_cast<std::uint32_t>(killed));
  const auto again = life.start(share(spec_of("running")));
  BOOST_REQUIRE(again);
  BOOST_TEST(again->pid == pid);
  BOOST_TEST(again->start_time == start_time);
  BOOST_TEST(again->created_at.time_since_epoch().count() == created);
  for (const char* id : {"running", "exits", "killed"}) BOOST_TEST(life.cleanup(id).has_value());
  BOOST_TEST(home.leftovers() == "");
}

// A start that the daemon's death cut off leaves nothing, and may be asked for again at once.
BOOST_AUTO_TEST_CASE(daemon_killed_during_a_start) {
  const RuntimeHome home;
  const std::string parent = "podsandbox-cut-off-" + std::to_string(getpid());
  in_a_killed_daemon([&] {
    Life life(home);
    life.begin_start(share(spec_of("one", [&](auto& config) {
      config.set_hostname("mute");
      config.mutable_linux()->set_cgroup_parent(parent);
    })));
    eventually([&] { return home.pauses().size() == 1; });
  });
  BOOST_TEST(home.pauses().size() == 1U);
  BOOST_TEST(cgroups_named(parent).size() == host::find_cgroup_mounts().paths.size());
  Life life(home);
  const auto started = life.start(share(spec_of("one")));
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  BOOST_TEST(home.pauses().size() == 1U);
  BOOST_TEST(cgroups_named(parent).empty());
  BOOST_TEST(life.cleanup("one").has_value());
  BOOST_TEST(home.leftovers() == "");
}

// The keeper is gone, too, and so is who knew the process: but for the record, written as soon as it was
// made. It may have been told to stay.
BOOST_AUTO_TEST_CASE(daemon_and_keeper_killed_during_a_start) {
  const RuntimeHome home;
  const std::string parent = "podsandbox-cut-off-" + std::to_string(getpid());
  const host::RecordStore records(home.settings().data_dir / "sandboxes");
  in_a_killed_daemon([&] {
    Life life(home);
    life.begin_start(share(spec_of("one", [&](auto& config) {
      config.set_hostname("mute");
      config.mutable_linux()->set_cgroup_parent(parent);
    })));
    eventually([&] { return records.read_all()["one"].pid != 0 && home.pauses().size() == 1; });
  });
  for (const int keeper : home.keepers()) kill_hard(keeper);
  BOOST_TEST(home.pauses().size() == 1U);
  Life life(home);
  BOOST_TEST(life.list().value().empty());
  BOOST_TEST(eventually([&] { return home.leftovers().empty(); }), home.leftovers());
  BOOST_TEST(eventually([&] { return cgroups_named(parent).empty(); }));
}

// A pause process that had not been told to stay ends with the daemon, keeper or not.
BOOST_AUTO_TEST_CASE(no_pause_outlives_an_unfinished_start) {
  const RuntimeHome home;
  in_a_killed_daemon([&] {
    Life life(home);
    for (int i = 0; i < 20; ++i) life.begin_start(share(spec_of("sandbox-" + std::to_string(i))));
    eventually([&] { return home.pauses().size() >= 5; });
    for (const int keeper : home.keepers()) kill_hard(keeper);
  });
  for (const int keeper : home.keepers()) kill_hard(keeper);
  Life life(home);
  const auto processes = life.list().value();
  for (const auto& process : processes) BOOST_TEST(life.cleanup(process.id).has_value());
  BOOST_TEST(eventually([&] { return home.leftovers().empty(); }), home.leftovers());
}

// A runtime that goes while everything is going on: nothing of it is used afterwards (the sanitizer tells),
// and the next one cleans up.
BOOST_AUTO_TEST_CASE(destroyed_in_the_middle) {
  const RuntimeHome home;
  const std::string fifo = home.path() / "fifo";
  BOOST_REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  auto hung = spec_of("hung");
  hung.netns_path = fifo;
  for (int round = 0; round < 10; ++round) {
    Life life(home);
    life.begin_start(share(hung));
    life.begin_start(with_hostname("slow", "slow"));
    for (int i = 0; i < 10; ++i) life.begin_start(share(spec_of("sandbox-" + std::to_string(i))));
    if (round % 2 == 1) {
      const auto listed = life.list();
      BOOST_TEST(listed.has_value(), (listed ? "" : listed.error().message));
    }
    for (int i = 0; i < 10; i += 2) life.begin_cleanup("sandbox-" + std::to_string(i));
    if (round % 3 == 1) {
      for (const int keeper : home.keepers()) kill_hard(keeper);
    }
  }
  const int writer = open(fifo.c_str(), O_RDWR | O_CLOEXEC);  // lets the hung threads end
  Life life(home);
  const auto processes = life.list().value();
  for (const auto& process : processes) BOOST_TEST(life.cleanup(process.id).has_value());
  BOOST_TEST(eventually([&] { return home.leftovers().empty(); }), home.leftovers());
  close(writer);
}

// The keeper is killed, and then the daemon: what still runs is known by its record, its exit is told as far
// as the kernel tells it, and of what died unseen it is said that the status is unknown.
BOOST_AUTO_TEST_CASE(keeper_and_daemon_killed) {
  const RuntimeHome home;
  in_a_killed_daemon([&] {
    Life life(home);
    for (const char* id : {"running", "dies"}) life.start(share(spec_of(id))).value();
    std::ofstream(home.path() / "pid") << pid_of(life, "dies");
    for (const int keeper : home.keepers()) kill_hard(keeper);
  });
  int dies = 0;
  std::ifstream(home.path() / "pid") >> dies;
  for (const int keeper : home.keepers()) kill_hard(keeper);
  kill_and_wait(home, dies);
  // Until whoever has adopted it has reaped it.
  BOOST_TEST(eventually([&] { return ::kill(dies, 0) != 0; }));

  Life life(home);
  BOOST_TEST(life.list().value().size() == 2U);
  BOOST_TEST(life.ended("dies").value().exit.value().status == unknown_exit_code);
  BOOST_TEST(life.kill("running", SIGKILL).has_value());
  BOOST_TEST(life.ended("running").value().exit.value().status == 137U);
  for (const char* id : {"running", "dies"}) BOOST_TEST(life.cleanup(id).has_value());
  BOOST_TEST(home.leftovers() == "");
}

// One that died after its keeper, and that whoever has adopted it has not reaped: it is never said to run.
BOOST_AUTO_TEST_CASE(a_zombie_without_a_keeper) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // we adopt it
  const RuntimeHome home;
  in_a_killed_daemon([&] {
    Life life(home);
    life.start(share(spec_of("one"))).value();
    std::ofstream(home.path() / "pid") << pid_of(life, "one");
    for (const int keeper : home.keepers()) kill_hard(keeper);
  });
  int pid = 0;
  std::ifstream(home.path() / "pid") >> pid;
  for (const int keeper : home.keepers()) kill_hard(keeper);
  kill_hard(pid);
  siginfo_t info{};
  BOOST_REQUIRE(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);

  const auto surveyed = linux_runtime::survey(home.settings()).value();  // says what the start below will say
  BOOST_REQUIRE(surveyed.size() == 1U);
  BOOST_TEST((surveyed[0].verdict == linux_runtime::Verdict::has_ended));
  BOOST_TEST(surveyed[0].process.exit.value().status == 137U);
  Life life(home);
  BOOST_TEST(life.list().value().at(0).exit.value().status == 137U);
  BOOST_TEST(life.cleanup("one").has_value());
  BOOST_TEST(home.leftovers() == "");
  BOOST_TEST(waitpid(pid, nullptr, 0) == pid);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

// What a killed daemon left of cgroups is removed with the sandbox, or with the start that was cut off.
BOOST_AUTO_TEST_CASE(cgroups) {
  const RuntimeHome home;
  const std::string parent = "podsandbox-recovery-" + std::to_string(getpid());
  in_a_killed_daemon([&] {
    Life life(home);
    life.start(
            share(spec_of("one", [&](auto& config) { config.mutable_linux()->set_cgroup_parent(parent); })))
        .value();
  });
  BOOST_TEST(!cgroups_named("one", parent).empty());
  Life life(home);
  BOOST_TEST(life.cleanup("one").has_value());
  BOOST_TEST(cgroups_named(parent).empty());
  BOOST_TEST(home.leftovers() == "");
}

// A state directory that somebody has been playing with: what makes no sense is thrown away, a pid that
// belongs to another process or another boot is left alone.
BOOST_AUTO_TEST_CASE(strange_records) {
  const RuntimeHome home;
  const auto records = home.settings().data_dir / "sandboxes";
  std::filesystem::create_directories(records);
  std::ofstream(records / "garbage") << "{";
  std::ofstream(records / "half~") << "{}";
  std::ofstream(records / "types") << R"({"boot_id":1})";
  const host::RecordStore store(records);
  BOOST_TEST(store.write("other-boot", {"another", getpid(), 1, 1, true, "", "", false, 0}).has_value());
  BOOST_TEST(
      store.write("unfinished", {"another", getpid(), 1, 1, false, "/podsandbox-no-such", "/", true, 0})
          .has_value());

  Life life(home);
  const auto processes = life.list().value();
  BOOST_REQUIRE(processes.size() == 1U);
  BOOST_TEST(processes.front().id == "other-boot");
  BOOST_TEST(processes.front().exit.value().status == unknown_exit_code);
  BOOST_TEST(life.cleanup("other-boot").has_value());
  BOOST_TEST(eventually([&] { return home.leftovers().empty(); }), home.leftovers());
}

// The daemon died after it had written what it was about to make, and before it made it. What there is under
// this id is another controller's, whose files these are.
BOOST_AUTO_TEST_CASE(directories_that_were_never_made) {
  const RuntimeHome home;
  std::filesystem::create_directories(home.settings().records_dir());
  const host::RecordStore store(home.settings().records_dir());
  BOOST_TEST(store.write("one", {"another", 0, 0, 0, false, "", "", true, 0}).has_value());
  const auto directories = {home.settings().cri.root_dir, home.settings().cri.state_dir};
  for (const auto& base : directories) std::filesystem::create_directories(base + "/sandboxes/one");
  Life life(home);
  BOOST_TEST(eventually([&] { return home.records().empty(); }));
  for (const auto& base : directories) {
    BOOST_TEST(std::filesystem::exists(base + "/sandboxes/one"));
    std::filesystem::remove(base + "/sandboxes/one");
  }
  BOOST_TEST(home.leftovers() == "");
}

// Of a start that was finished they are ours, even when an earlier version gave them no mark.
BOOST_AUTO_TEST_CASE(directories_without_a_mark) {
  const RuntimeHome home;
  std::filesystem::create_directories(home.settings().records_dir());
  const host::RecordStore store(home.settings().records_dir());
  BOOST_TEST(store.write("one", {"another", 0, 0, 0, true, "", "", true, 0}).has_value());
  for (const auto& base : {home.settings().cri.root_dir, home.settings().cri.state_dir}) {
    std::filesystem::create_directories(base + "/sandboxes/one");
  }
  Life life(home);
  BOOST_TEST(life.list().value().empty());
  BOOST_TEST(life.cleanup("one").has_value());
  BOOST_TEST(home.leftovers() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
