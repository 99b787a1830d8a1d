#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "proto/runc_options.pb.h"
#include "services/host/unique_fd.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/service_manager.hpp"
#include "test/linux/shim_client.hpp"

/// Under a service manager that keeps descriptors: the sockets of pods' shims are there while no daemon is. A
/// program stands in for the shims (test/linux/test_shim.cpp).
namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using host::UniqueFd;

ino_t inode_of(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

UniqueFd listens_at(const fs::path& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.string().size() + 1);
  BOOST_REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  BOOST_REQUIRE(listen(fd.get(), 1) == 0);
  return fd;
}

UniqueFd above_those_passed(const UniqueFd& fd) {
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 300));
}

/// 0: there is none.
int number_in(const std::string& text) {
  return static_cast<int>(std::strtol(text.c_str(), nullptr, 10));
}

bool is_stopped(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string number;
  std::string name;
  char state = 0;
  stat >> number >> name >> state;
  return state == 'T';
}

struct Activated {
  Activated() {
    fs::create_directory(files.path() / "shims");
    fs::copy_file(PODSANDBOX_TEST_SHIM, program());
    start();
  }
  ~Activated() {
    for (const int shim : shims()) kill(shim, SIGKILL);
  }

  fs::path program() const { return files.path() / "containerd-shim-runc-v2"; }
  std::vector<int> shims() const {
    std::vector<int> pids;
    for (const auto& entry : fs::directory_iterator(files.path() / "shims")) {
      const int pid = number_in(entry.path().filename());
      if (pid > 0 && fs::exists("/proc/" + std::to_string(pid))) pids.push_back(pid);
    }
    return pids;
  }

  void start() {
    manager.forget();
    manager.start();
    BOOST_REQUIRE(manager.hears("READY=1"));
  }
  /// Since the start.
  bool says(const std::string& line) {
    const auto& heard = manager.heard();
    return std::find(heard.begin(), heard.end(), line) != heard.end() || manager.hears(line);
  }
  void end(int signal) {
    manager.signal(signal);
    manager.wait();
  }

  /// A pod of containerd's. Answers where its shim is to be found.
  std::string run(const std::string& id) const {
    auto request = create_request(id);
    request.set_sandboxer("podsandboxd");
    ::containerd::runc::v1::Options options;
    options.set_root(files.path() / "runc");
    auto& runtime = *request.mutable_sandbox()->mutable_runtime();
    runtime.set_name(program());
    runtime.mutable_options()->set_type_url("containerd.runc.v1.Options");
    runtime.mutable_options()->set_value(options.SerializeAsString());
    const auto stub = manager.controller();
    grpc::ClientContext created;
    created.AddMetadata("containerd-namespace", "k8s.io");
    controller::ControllerCreateResponse ignored;
    const auto status = stub->Create(&created, request, &ignored);
    BOOST_REQUIRE_MESSAGE(status.ok(), status.error_message());
    grpc::ClientContext started;
    controller::ControllerStartRequest start_request;
    start_request.set_sandbox_id(id);
    controller::ControllerStartResponse response;
    const auto start_status = stub->Start(&started, start_request, &response);
    BOOST_REQUIRE_MESSAGE(start_status.ok(), start_status.error_message());
    const std::string scheme = "ttrpc+unix://";
    BOOST_REQUIRE(response.address().starts_with(scheme));
    return response.address().substr(scheme.size());
  }
  /// The same, until its socket is kept.
  std::string run_kept(const std::string& id) {
    auto socket = run(id);
    BOOST_REQUIRE(manager.hears("FDSTORE=1"));
    return socket;
  }
  void remove(const std::string& id) const {
    const auto removed = shutdown(*manager.controller(), id);
    BOOST_TEST(removed.ok(), removed.error_message());
  }

  static std::string pid_of(ShimClient& client) { return client.answer().value_or("none in time"); }
  static bool is_served(const std::string& socket) {
    ShimClient client(socket, "pid");
    return number_in(pid_of(client)) > 0;
  }
  std::string name() { return manager.kept().size() == 1 ? manager.kept().begin()->first : "not one"; }
  bool logged(const std::string& text) const {
    std::ifstream file(files.path() / "log");
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    return all.find(text) != std::string::npos;
  }

  TemporaryDirectory files;
  UniqueFd log{open((files.path() / "log").c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600)};
  ServiceManager manager{"d.sock", {.containerd = files.path() / "c.sock", .log_fd = log.get()}};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(kept_sockets, Activated)

BOOST_AUTO_TEST_CASE(a_connection_waits_for_the_next_daemon) {
  for (const int signal : {SIGKILL, SIGTERM}) {
    const std::string id = signal == SIGKILL ? "killed" : "ended";
    const auto socket = run_kept(id);
    const auto inode = inode_of(socket);
    end(signal);
    ShimClient first(socket, "pid");
    ShimClient second(socket, "pid");
    BOOST_TEST(first.connected());
    start();
    const auto pid = pid_of(first);
    BOOST_TEST(number_in(pid) > 0, pid);
    BOOST_TEST(pid_of(second) == pid);
    BOOST_TEST(shims().size() == 1U);
    BOOST_TEST(inode_of(socket) == inode);
    remove(id);
  }
  BOOST_TEST(!logged("of no use"));
}

BOOST_AUTO_TEST_CASE(it_is_kept_for_as_long_as_there_is_the_pod) {
  const auto a = run_kept("a");
  const auto b = run_kept("b");
  BOOST_TEST(manager.kept().size() == 2U);
  remove("a");
  BOOST_TEST(manager.hears("FDSTOREREMOVE=1"));
  BOOST_TEST(name() == "shim-" + fs::path(b).filename().string());
  // Also over many lives, and when the next one ends the pod.
  for (int i = 0; i < 3; ++i) {
    end(SIGKILL);
    start();
  }
  BOOST_TEST(manager.kept().size() == 1U);
  BOOST_TEST(is_served(b));
  remove("b");
  BOOST_TEST(manager.hears("FDSTOREREMOVE=1"));
  BOOST_TEST(manager.kept().empty());
  BOOST_TEST(!ShimClient(b, "pid").connected());
}

/// The shim that an earlier daemon has started is not the only one that has the socket.
BOOST_AUTO_TEST_CASE(a_shim_ends_while_there_is_no_daemon) {
  const auto socket = run_kept("pod");
  BOOST_REQUIRE(is_served(socket));
  const int shim = shims().at(0);
  end(SIGKILL);
  kill(shim, SIGKILL);
  BOOST_TEST(eventually([&] { return shims().empty(); }));
  ShimClient client(socket, "pid");
  BOOST_TEST(client.connected());
  start();
  const auto pid = pid_of(client);
  BOOST_TEST(number_in(pid) > 0, pid);
  BOOST_TEST(pid != std::to_string(shim));
  remove("pod");
}

BOOST_AUTO_TEST_CASE(a_shim_that_was_taken_up_ends) {
  const auto socket = run_kept("pod");
  BOOST_REQUIRE(is_served(socket));
  const int shim = shims().at(0);
  end(SIGKILL);
  start();
  kill(shim, SIGSTOP);
  BOOST_REQUIRE(eventually([&] { return is_stopped(shim); }));  // it accepts nothing any more
  ShimClient client(socket, "pid");
  kill(shim, SIGKILL);
  const auto pid = pid_of(client);
  BOOST_TEST(number_in(pid) > 0, pid);
  BOOST_TEST(pid != std::to_string(shim));
  BOOST_TEST(is_served(socket));
  remove("pod");
}

BOOST_AUTO_TEST_CASE(a_service_manager_that_keeps_nothing) {
  const auto socket = run_kept("pod");
  end(SIGKILL);
  manager.kept().clear();
  BOOST_TEST(!ShimClient(socket, "pid").connected());
  start();
  BOOST_TEST(says("FDSTORE=1"));
  BOOST_TEST(is_served(socket));
  BOOST_TEST(!logged("of no use"));
  remove("pod");
}

BOOST_AUTO_TEST_CASE(what_is_not_the_pods_socket_is_told_of_and_dropped) {
  const auto socket = run_kept("pod");
  const auto kept = name();
  const auto other = listens_at(files.path() / "other");
  const UniqueFd unbound(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::string none = "not a listening unix stream socket";
  const std::vector<std::pair<const UniqueFd*, std::string>> wrong{
      {&other, "not the socket at " + socket}, {&unbound, none}, {&datagrams, none}, {&log, none}};
  for (const auto& entry : wrong) {
    end(SIGKILL);
    manager.kept().clear();
    manager.kept().emplace(kept, above_those_passed(*entry.first));
    start();
    BOOST_TEST(eventually([&] { return logged(entry.second); }), entry.second);
    BOOST_TEST(says("FDSTORE=1"));  // another one, in its place
    BOOST_TEST(name() == kept);
    BOOST_TEST(is_served(socket));
    fs::resize_file(files.path() / "log", 0);
    // The shim has it now.
    ShimClient(socket, "Shutdown").answer();
    BOOST_TEST(eventually([&] { return shims().empty(); }));
  }
  remove("pod");
}

BOOST_AUTO_TEST_CASE(a_socket_whose_file_is_gone_is_made_again) {
  const auto socket = run_kept("pod");
  end(SIGKILL);
  fs::remove(socket);
  start();
  BOOST_TEST(eventually([&] { return logged("looking at " + socket); }));
  BOOST_TEST(says("FDSTORE=1"));
  BOOST_TEST(manager.kept().size() == 1U);
  BOOST_TEST(is_served(socket));
  remove("pod");
}

BOOST_AUTO_TEST_CASE(what_is_nobodys_is_told_of_and_dropped) {
  const auto socket = run_kept("pod");
  end(SIGKILL);
  const auto other = listens_at(files.path() / "other");
  manager.kept().emplace("shim-of-a-pod-of-before", above_those_passed(other));
  manager.kept().emplace("of-a-later-version", above_those_passed(log));
  start();
  BOOST_TEST(eventually([&] {
    manager.hears("", std::chrono::milliseconds(1));
    return manager.kept().size() == 1;
  }));
  BOOST_TEST(name() == "shim-" + fs::path(socket).filename().string());
  BOOST_TEST(eventually([&] { return logged("shim-of-a-pod-of-before") && logged("of-a-later-version"); }));
  BOOST_TEST(is_served(socket));
  remove("pod");
}

BOOST_AUTO_TEST_CASE(shims_inherit_their_socket_alone) {
  const auto one = run_kept("one");
  run_kept("two");
  end(SIGKILL);
  start();
  BOOST_REQUIRE(is_served(one));
  const fs::path proc = "/proc/" + std::to_string(shims().at(0));
  const auto sockets = [&] {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(proc / "fd")) {
      std::error_code closed;
      const std::string target = fs::read_symlink(entry.path(), closed);
      if (target.starts_with("socket:")) all.push_back(target);
    }
    return all;
  };
  BOOST_TEST(eventually([&] { return sockets().size() == 1; }));  // when the client's is closed
  std::ifstream file(proc / "environ");
  const std::string environment{std::istreambuf_iterator<char>(file), {}};
  BOOST_TEST(environment.find("LISTEN_FDNAMES") == std::string::npos);
  remove("one");
  remove("two");
}

/// As a pid 1 that is out of order: more than fits into its socket is said to it, and nobody waits for that.
BOOST_AUTO_TEST_CASE(a_service_manager_that_does_not_read) {
  std::size_t longest = 0;
  std::ifstream("/proc/sys/net/unix/max_dgram_qlen") >> longest;
  BOOST_REQUIRE(longest > 0U);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < longest + 5; ++i) ids.push_back("pod-" + std::to_string(i));
  for (const auto& id : ids) BOOST_TEST(is_served(run(id)));
  const auto began = std::chrono::steady_clock::now();
  manager.signal(SIGTERM);
  int status = -1;
  BOOST_TEST(eventually([&] { return waitpid(manager.pid(), &status, WNOHANG) != 0; }));
  BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  BOOST_TEST((std::chrono::steady_clock::now() - began < std::chrono::seconds(8)));
  start();
  for (const auto& id : ids) remove(id);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
