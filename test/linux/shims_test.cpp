#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>

#include "messages/log.hpp"
#include "proto/runc_options.pb.h"
#include "services/host/oom_score.hpp"
#include "services/host/process_facts.hpp"
#include "services/linux/linux_runtime.hpp"
#include "services/linux/shims/shim_place.hpp"
#include "test/linux/eventually.hpp"
#include "test/linux/runtime_home.hpp"
#include "test/linux/specs.hpp"

/// Pods' shims, with a program that stands in for one (test_shim.cpp).
namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using linux_runtime::LinuxRuntime;

constexpr const char* pod = "pod";

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// One connection, whose request is sent at once.
class Client {
 public:
  Client(const std::string& path, const std::string& request)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    connected_ = connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (connected_) send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL);
  }

  bool connected() const { return connected_; }

  /// What comes until the other end closes; nothing when it does not in time.
  std::optional<std::string> answer(std::chrono::milliseconds limit = 20s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    std::string all;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd waited{fd_.get(), POLLIN, 0};
      if (left.count() <= 0 || poll(&waited, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
      char text[256];
      const auto got = recv(fd_.get(), text, sizeof text, 0);
      if (got <= 0) return all;
      all.append(text, static_cast<std::size_t>(got));
    }
  }

 private:
  host::UniqueFd fd_;
  bool connected_ = false;
};

// The log, for as long as this lives.
class Log {
 public:
  Log() {
    log::set_sink(
        [this](log::Level, std::string_view component, std::string_view sandbox, std::string_view message) {
          if (std::getenv("PODSANDBOX_TEST_LOG") != nullptr) {
            BOOST_TEST_MESSAGE(component << " " << sandbox << " " << message);
          }
          const std::lock_guard lock(mutex_);
          lines_.push_back(std::string(component) + " " + std::string(sandbox) + " " + std::string(message));
        });
  }
  ~Log() { log::set_sink({}); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  unsigned count(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return static_cast<unsigned>(std::ranges::count_if(
        lines_, [&](const auto& line) { return line.find(text) != std::string::npos; }));
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

struct Pods {
  Pods() {
    fs::create_directory(home.path() / "shims");
    fs::copy_file(PODSANDBOX_TEST_SHIM, program());
    settings = home.settings();
    settings.containerd_address = home.path() / "c.sock";
    settings.shims.short_life = 300ms;
    settings.shims.first_pause = 100ms;
    settings.shims.longest_pause = 400ms;
    settings.shims.pace = 20ms;
    settings.shims.patience = 3s;
    open();
  }
  ~Pods() {
    close();
    for (const int shim : living()) kill_hard(shim);
  }

  void open() { runtime = LinuxRuntime::open(settings).value(); }
  void close() { runtime.reset(); }

  fs::path program() const { return home.path() / "containerd-shim-runc-v2"; }
  void mode(const std::string& how) const { std::ofstream(home.path() / "shims/mode") << how; }

  SandboxSpec spec(const std::string& id = pod) const {
    auto of_containerd = spec_of(id);
    of_containerd.sandboxer = "podsandboxd";
    of_containerd.runtime_name = program();
    ::containerd::runc::v1::Options options;
    options.set_root(home.path() / "runc");
    options.set_binary_name(home.path() / "runc-program");
    of_containerd.runtime_options = {"containerd.runc.v1.Options", options.SerializeAsString()};
    return of_containerd;
  }

  template <class T, class Ask>
  Result<T> wait(Ask ask) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
    auto future = promise->get_future();
    if (future.wait_for(30s) == std::future_status::ready) return future.get();
    return failure(ErrorKind::internal, "no answer");
  }
  Result<Started> start(const SandboxSpec& wanted) {
    return wait<Started>([&](auto answer) { runtime->start(share(wanted), answer); });
  }
  void start() {
    const auto started = start(spec());
    BOOST_REQUIRE_MESSAGE(started, started.error().message);
  }
  Result<Done> cleanup() {
    return wait<Done>([&](auto answer) { runtime->cleanup(pod, runtime::Extent::everything, answer); });
  }
  void remove() {
    const auto removed = cleanup();
    BOOST_TEST(removed.has_value(), removed.error().message);
    BOOST_TEST(living().empty());
    BOOST_TEST(remains() == "");
    BOOST_TEST(home.leftovers() == "");
  }

  linux_runtime::ShimPlace place() const { return linux_runtime::shim_place(settings.state_dir, pod); }
  Client connect(const std::string& request = "pid") const { return {place().socket, request}; }

  /// The pid of the shim that answers; 0: none does.
  int ask(const std::string& request = "pid") const {
    auto client = connect(request);
    return std::atoi(client.answer().value_or("0").c_str());
  }
  /// Until one does: those that meet a shim's end get no answer.
  int ask_until_answered() const {
    int pid = 0;
    BOOST_TEST(eventually([&] { return (pid = ask()) != 0; }));
    return pid;
  }

  std::vector<int> starts() const {
    std::vector<int> pids;
    for (const auto& entry : fs::directory_iterator(home.path() / "shims")) {
      if (const int pid = std::atoi(entry.path().filename().c_str()); pid > 0) pids.push_back(pid);
    }
    return pids;
  }
  /// Also dead ones that nobody has reaped.
  std::vector<int> living() const {
    auto pids = starts();
    std::erase_if(pids, [](int pid) { return !fs::exists("/proc/" + std::to_string(pid)); });
    return pids;
  }
  std::string remains() const {
    std::string all;
    for (const auto& directory : {linux_runtime::shim_sockets_dir(settings.state_dir),
                                  linux_runtime::shim_bundles_dir(settings.state_dir)}) {
      for (const auto& entry : fs::directory_iterator(directory)) all += " " + entry.path().string();
    }
    return all;
  }

  /// A container of the pod in the OCI runtime's state, which `delete` removes and `state` knows nothing of.
  fs::path container() const { return home.path() / "runc/k8s.io/left"; }
  void leave_container(bool can_be_removed = true) const {
    fs::create_directories(container());
    std::ofstream(container() / "state.json")
        << R"({"annotations": {"io.kubernetes.cri.sandbox-id": ")" << pod << R"("}})";
    std::ofstream(home.path() / "runc-program")
        << "#!/bin/sh\ncase \"$*\" in *delete*) " << (can_be_removed ? "rm -r \"$2/left\"" : "exit 1")
        << " ;; *) exit 1 ;; esac\n";
    fs::permissions(home.path() / "runc-program", fs::perms::owner_all);
  }

  Log log;
  RuntimeHome home;
  linux_runtime::Settings settings;
  std::shared_ptr<LinuxRuntime> runtime;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shims, Pods)

BOOST_AUTO_TEST_CASE(started_when_somebody_connects) {
  const auto started = start(spec());
  BOOST_REQUIRE(started);
  BOOST_TEST(started->task_address == "ttrpc+unix://" + place().socket);
  BOOST_TEST(started->task_version == 3U);
  struct stat facts {};
  BOOST_TEST(stat(place().socket.c_str(), &facts) == 0);
  BOOST_TEST(facts.st_mode == (S_IFSOCK | 0600U));
  BOOST_TEST(starts().empty());

  auto first = connect();
  auto second = connect();
  const auto pid = first.answer();
  BOOST_TEST(pid.value_or("") != "");
  BOOST_TEST((second.answer() == pid));
  BOOST_TEST(ask() == std::atoi(pid->c_str()));
  BOOST_TEST(starts().size() == 1U);
  BOOST_TEST(eventually([&] { return log.count("shims pod its shim is started: process " + *pid) == 1U; }));
  remove();
  BOOST_TEST(log.count("shims pod its shim, process " + *pid + ", has ended") == 1U);
}

BOOST_AUTO_TEST_CASE(never_started_to_be_ended) {
  start();
  remove();
  BOOST_TEST(starts().empty());
  BOOST_TEST(!connect().connected());
}

BOOST_AUTO_TEST_CASE(what_it_is_started_with) {
  start();
  const int pid = ask();
  const fs::path proc = "/proc/" + std::to_string(pid);
  const std::string arguments = program().string() +
                                std::string("\0-namespace\0k8s.io\0-id\0pod\0-address\0", 36) +
                                settings.containerd_address + '\0';
  BOOST_TEST(slurp(proc / "cmdline") == arguments);
  BOOST_TEST(fs::read_symlink(proc / "cwd") == place().bundle);
  const std::string environment = '\0' + slurp(proc / "environ");
  for (const auto& variable : {"GOMAXPROCS=4", "MAX_SHIM_VERSION=3", "NAMESPACE=k8s.io"}) {
    BOOST_TEST(environment.find('\0' + std::string(variable) + '\0') != std::string::npos, variable);
  }
  BOOST_TEST(environment.find("TTRPC_ADDRESS=" + settings.containerd_address + ".ttrpc") !=
             std::string::npos);
  BOOST_TEST(std::atoi(slurp(proc / "oom_score_adj").c_str()) ==
             std::min(host::own_oom_score_adj() + 1, 1000));
  BOOST_TEST(getpgid(pid) == pid);
  std::vector<std::string> descriptors;
  for (const auto& entry : fs::directory_iterator(proc / "fd")) {
    const std::string target = fs::read_symlink(entry.path());
    const bool is_client = entry.path().filename() > "3";
    if (!is_client) descriptors.push_back(target.substr(0, 7));
  }
  std::ranges::sort(descriptors);
  BOOST_TEST(descriptors.size() == 4U);
  BOOST_TEST(fs::read_symlink(proc / "fd/2") == place().log);
  BOOST_TEST(fs::read_symlink(proc / "fd/3").string().starts_with("socket:"));
  const std::string status = slurp(proc / "status");
  BOOST_TEST(status.find("SigBlk:\t0000000000000000") != std::string::npos);
  // glibc keeps two signals to itself.
  const auto ignored = std::stoull(status.substr(status.find("SigIgn:") + 8, 16), nullptr, 16);
  BOOST_TEST((ignored & 0x7fffffffU) == 0U);
  remove();
}

BOOST_AUTO_TEST_CASE(another_one_when_it_was_killed) {
  start();
  const int first = ask();
  kill_hard(first);
  const int second = ask_until_answered();
  BOOST_TEST(first != second);
  BOOST_TEST(starts().size() == 2U);
  BOOST_TEST(living().size() == 1U);  // the first is reaped
  remove();
}

BOOST_AUTO_TEST_CASE(one_that_is_told_to_end_by_somebody_else) {
  start();
  for (unsigned i = 1; i <= 3; ++i) {
    BOOST_TEST(ask_until_answered() != 0);
    connect("Shutdown").answer();
    BOOST_TEST(eventually([&] { return living().empty(); }));
    BOOST_TEST(starts().size() == i);
  }
  BOOST_TEST(log.count("otherwise than") == 0U);
  remove();
}

BOOST_AUTO_TEST_CASE(those_that_fail_do_not_storm) {
  for (const char* how : {"exits", "accepts", "leaves"}) {
    mode(how);
    start();
    const auto before = starts().size();
    const auto began = std::chrono::steady_clock::now();
    unsigned connections = 0;
    while (std::chrono::steady_clock::now() - began < 1s) {
      connect().answer();
      ++connections;
    }
    // After pauses of 100, 200, 400 and 400 ms.
    BOOST_TEST(starts().size() - before <= 5U, how);
    BOOST_TEST(starts().size() - before >= 2U, how);
    BOOST_TEST(connections >= 2U, how);
    mode("serve");
    BOOST_TEST(ask_until_answered() != 0, how);
    remove();
  }
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_any_more) {
  start();
  fs::rename(program(), program().string() + "-");
  BOOST_TEST((connect().answer() == ""));
  BOOST_TEST(log.count("is no executable file") == 1U);
  fs::rename(program().string() + "-", program());
  BOOST_TEST(ask_until_answered() != 0);
  remove();
}

BOOST_AUTO_TEST_CASE(one_that_hangs_is_killed_when_nothing_is_left) {
  mode("hangs");
  start();
  auto client = connect();
  BOOST_TEST(eventually([&] { return log.count("its shim is started") == 1; }));
  BOOST_TEST((client.answer() == ""));
  BOOST_TEST(eventually([&] { return log.count("no shim serves: 1 connections to it are closed") == 1U; }));
  remove();
  BOOST_TEST(starts().size() == 1U);
}

// Nobody will ask it for that again.
BOOST_AUTO_TEST_CASE(one_with_a_forgotten_container_is_killed) {
  mode("stays");
  start();
  leave_container();
  ask();
  remove();
  BOOST_TEST(!fs::exists(container()));
}

BOOST_AUTO_TEST_CASE(one_whose_container_cannot_be_removed_stays) {
  mode("stays");
  start();
  leave_container(false);
  const int pid = ask();
  const auto refused = cleanup();
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::unavailable));
  BOOST_TEST(refused.error().message.find("its shim still has left") != std::string::npos,
             refused.error().message);
  BOOST_TEST(ask() == pid);
  fs::remove_all(container());
  remove();
  BOOST_TEST(starts().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_one_leaves_is_removed) {
  start();
  const int pid = ask();
  leave_container();
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return !fs::exists(container()); }));
  BOOST_TEST(eventually([&] { return log.count("the containers that its shim has left are removed") == 1; }));
  BOOST_TEST(ask_until_answered() != 0);
  remove();
}

BOOST_AUTO_TEST_CASE(what_one_leaves_that_dies_with_the_pod) {
  start();
  const int pid = ask();
  leave_container(false);
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return log.count("it is tried again") == 1; }));
  BOOST_TEST(!cleanup());
  BOOST_TEST(fs::exists(place().bundle));
  leave_container();
  remove();
  BOOST_TEST(!fs::exists(container()));
}

BOOST_AUTO_TEST_CASE(what_is_left_is_asked_for_until_it_is_known) {
  start();
  const int pid = ask();
  leave_container();
  fs::rename(home.path() / "runc-program", home.path() / "runc-program-");
  kill_hard(pid);
  BOOST_TEST(eventually([&] { return log.count("is not known") == 1; }));
  auto client = connect();
  fs::rename(home.path() / "runc-program-", home.path() / "runc-program");
  BOOST_TEST(client.answer().value_or("") != "");
  BOOST_TEST(eventually([&] { return !fs::exists(container()); }));
  remove();
}

BOOST_AUTO_TEST_CASE(taken_up_by_the_next_life) {
  for (const bool recorded : {true, false}) {
    start();
    const int first = ask();
    close();
    if (!recorded) fs::remove(place().record);
    BOOST_TEST(ask() == first);
    open();
    BOOST_TEST(
        eventually([&] { return log.count("process " + std::to_string(first) + ", is taken up") == 1; }));
    BOOST_TEST(ask() == first);
    BOOST_TEST(ask("talk 5") == first);
    kill_hard(first);
    const int second = ask_until_answered();
    BOOST_TEST(second != first);
    remove();
  }
  BOOST_TEST(log.count("line 4") == 2U);
}

BOOST_AUTO_TEST_CASE(one_that_was_taken_up_is_ended) {
  start();
  BOOST_TEST(ask() != 0);
  close();
  open();
  remove();
  BOOST_TEST(starts().size() == 1U);
}

BOOST_AUTO_TEST_CASE(one_that_died_while_nobody_looked) {
  start();
  const int first = ask();
  close();
  leave_container();
  kill_hard(first);
  BOOST_TEST(waitpid(first, nullptr, 0) == first);  // as whoever is its parent then
  open();
  BOOST_TEST(ask_until_answered() != first);
  BOOST_TEST(eventually([&] { return !fs::exists(container()); }));
  remove();
}

BOOST_AUTO_TEST_CASE(a_pod_without_one_gets_its_socket_back) {
  start();
  close();
  open();
  BOOST_TEST(ask_until_answered() != 0);
  BOOST_TEST(starts().size() == 1U);
  remove();
}

BOOST_AUTO_TEST_CASE(what_belongs_to_nobody_is_removed) {
  settings.sweep = {300ms, false, 50ms};
  start();
  BOOST_TEST(ask() != 0);
  const auto bundle = place().bundle;
  close();
  for (const int keeper : home.keepers()) kill_hard(keeper);
  for (const int pause : home.pauses()) kill_hard(pause);
  fs::remove_all(settings.records_dir());
  open();
  BOOST_TEST(eventually([&] { return remains() == "" && living().empty(); }), remains());
  BOOST_TEST(log.count("the shim of " + bundle + " was made by us") == 1U);
  for (const auto& base : {settings.cri.root_dir, settings.cri.state_dir}) {
    BOOST_TEST(eventually([&] { return !fs::exists(base + "/sandboxes/pod"); }));
  }
}

BOOST_AUTO_TEST_CASE(whatever_it_says_is_read) {
  start();
  const int pid = ask();
  constexpr unsigned many = 20'000;  // a FIFO holds 64 kB
  BOOST_TEST(ask("talk " + std::to_string(many)) == pid);
  BOOST_TEST(eventually([&] { return log.count("shim pod time=") == many; }));
  remove();
}

BOOST_AUTO_TEST_CASE(pods_that_no_shim_can_serve_are_refused) {
  const auto refuses = [&](const std::string& type, ErrorKind kind, const std::string& text) {
    auto wanted = spec();
    wanted.runtime_name = type;
    const auto refused = start(wanted);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().kind == kind));
    BOOST_TEST(refused.error().message.find(text) != std::string::npos, refused.error().message);
    BOOST_TEST(remains() == "");
    BOOST_TEST(home.leftovers() == "");
  };
  refuses("io.containerd.kata.v2", ErrorKind::unimplemented, "\"io.containerd.kata.v2\"");
  refuses("/usr/bin/containerd-shim-kata-v2", ErrorKind::unimplemented, "kata");
  refuses("/nonexistent/containerd-shim-runc-v2", ErrorKind::failed_precondition, "/nonexistent/");
}

// It may be beside a containerd that is not there just now.
BOOST_AUTO_TEST_CASE(one_that_cannot_be_found_yet_is_looked_for_later) {
  auto wanted = spec();
  wanted.runtime_name = "io.containerd.runc.v2";
  const std::string path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody else sets one
  setenv("PATH", "/nonexistent", 1);             // NOLINT(concurrency-mt-unsafe)
  BOOST_TEST(start(wanted).has_value());
  BOOST_TEST((connect().answer() == ""));
  BOOST_TEST(log.count("whose place is not known") == 1U);
  setenv("PATH", home.path().c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  BOOST_TEST(ask_until_answered() != 0);
  setenv("PATH", path.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  remove();
}

BOOST_AUTO_TEST_CASE(pods_of_nobody_have_none) {
  auto wanted = spec();
  wanted.sandboxer.clear();
  wanted.runtime_name = "io.containerd.kata.v2";
  const auto started = start(wanted);
  BOOST_REQUIRE(started);
  BOOST_TEST(started->task_address == "");
  BOOST_TEST(remains() == "");
  remove();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
