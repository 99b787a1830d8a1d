#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "services/host/cgroup.hpp"
#include "services/host/file_text.hpp"
#include "services/host/oom_score.hpp"
#include "services/host/process_facts.hpp"
#include "services/linux/shims/shim_binary.hpp"
#include "services/linux/shims/shim_log.hpp"
#include "services/linux/shims/shim_process.hpp"
#include "services/linux/shims/shim_socket.hpp"
#include "test/linux/runtime_home.hpp"

/// The start of one shim, for which a program stands in (test_shim.cpp).
namespace podsandbox::test {

using namespace linux_runtime;

namespace {

namespace fs = std::filesystem;

struct Start {
  Start() {
    fs::create_directory(home.path() / "shims");
    fs::copy_file(PODSANDBOX_TEST_SHIM, program());
    order.id = "pod";
    order.runtime_type = program();
    order.containerd_address = home.path() / "c.sock";
    order.boot_id = "boot";
    order.place = shim_place(home.path() / "state", "pod");
    fs::create_directories(order.place.bundle);
    fs::create_directories(shim_sockets_dir(home.path() / "state"));
    order.listener = listen_for_shim(order.place.socket).value();
    BOOST_REQUIRE(logs.read("pod", order.place.log));
  }
  ~Start() {
    if (shim.pid > 0) {
      kill_hard(shim.pid);
      waitpid(shim.pid, nullptr, 0);
    }
    for (const auto& mount : host::find_all_hierarchies()) rmdir((mount.string() + cgroup()).c_str());
  }

  std::string program() const { return home.path() / "containerd-shim-runc-v2"; }
  std::string cgroup() const { return "/" + home.path().filename().string(); }
  void make_cgroup() const {
    for (const auto& mount : host::find_all_hierarchies()) {
      const std::string path = mount.string() + cgroup();
      if (path.find("/cpuset/") == std::string::npos)
        mkdir(path.c_str(), 0755);  // that has no processors yet
    }
  }
  /// Whether a child of ours runs, or is not reaped.
  bool runs_any() const { return waitpid(-1, nullptr, WNOHANG) != -1; }

  Result<Done> start() {
    auto started = start_shim(order);
    if (!started) return tl::unexpected<Error>(started.error());
    shim = std::move(*started);
    return Done{};
  }

  RuntimeHome home;
  ShimLogs logs;
  ShimOrder order;
  ShimProcess shim;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shim_starts, Start)

BOOST_AUTO_TEST_CASE(it_is_known_by_its_record) {
  BOOST_REQUIRE(start());
  BOOST_TEST(shim.start_time == host::read_stat(shim.pid)->start_time);
  FormerShims former(home.path() / "state");
  BOOST_TEST(former.find("pod", "boot").value().pid == shim.pid);
  struct stat facts {};
  BOOST_TEST(stat(order.place.record.c_str(), &facts) == 0);
  BOOST_TEST((facts.st_mode & 0777U) == 0600U);
}

// Also where its own directory is full, say.
BOOST_AUTO_TEST_CASE(it_is_started_without_a_record) {
  fs::create_directory(order.place.record + "~");
  BOOST_REQUIRE(start());
  BOOST_TEST(!fs::exists(order.place.record));
}

BOOST_AUTO_TEST_CASE(it_is_put_into_its_cgroup) {
  make_cgroup();
  order.cgroup = cgroup();
  BOOST_REQUIRE(start());
  const auto cgroups = host::read_file("/proc/" + std::to_string(shim.pid) + "/cgroup").value();
  unsigned in = 0;
  for (std::size_t at = 0; (at = cgroups.find(":" + cgroup() + "\n", at)) != std::string::npos; ++at) ++in;
  unsigned there = 0;
  for (const auto& mount : host::find_all_hierarchies())
    there += fs::exists(mount.string() + cgroup()) ? 1 : 0;
  BOOST_TEST(in == there);
  BOOST_TEST(in >= 1U);
}

BOOST_AUTO_TEST_CASE(one_without_its_cgroup_does_not_run) {
  order.cgroup = cgroup();
  const auto refused = start();
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(refused.error().message == "there is no cgroup " + cgroup() + " (ShimCgroup)");
  BOOST_TEST(!runs_any());
  BOOST_TEST(!fs::exists(order.place.record));
}

BOOST_AUTO_TEST_CASE(how_it_ended_is_known_of_a_child) {
  std::ofstream(home.path() / "shims/mode") << "exits";
  BOOST_REQUIRE(start());
  siginfo_t how{};
  BOOST_TEST(waitid(P_PIDFD, static_cast<id_t>(shim.pidfd.get()), &how, WEXITED | WNOWAIT) == 0);
  BOOST_TEST(reap_shim(shim));
  BOOST_TEST(!reap_shim(shim));  // another's, or reaped
  std::ofstream(home.path() / "shims/mode") << "leaves";
  BOOST_REQUIRE(start());
  BOOST_TEST(waitid(P_PIDFD, static_cast<id_t>(shim.pidfd.get()), &how, WEXITED | WNOWAIT) == 0);
  BOOST_TEST(!reap_shim(shim));
  BOOST_TEST(!runs_any());
}

BOOST_AUTO_TEST_CASE(a_directory_is_no_program) {
  fs::create_directories(home.path() / "first/containerd-shim-runc-v2");
  const std::string path = (home.path() / "first").string() + ":" + home.path().string();
  BOOST_TEST(find_shim("io.containerd.runc.v2", path, "/none").value() == program());
  order.runtime_type = home.path() / "first/containerd-shim-runc-v2";
  const auto refused = start();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("is no executable file") != std::string::npos,
             refused.error().message);
}

BOOST_AUTO_TEST_CASE(it_needs_a_log_that_is_read) {
  logs.forget("pod");
  fs::remove(order.place.log);
  const auto refused = start();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message == "opening " + order.place.log + ": No such file or directory");
  BOOST_TEST(!runs_any());
}

// However many wait.
BOOST_AUTO_TEST_CASE(all_that_wait_are_refused) {
  BOOST_TEST(!has_waiting(order.listener));
  std::vector<host::UniqueFd> clients;
  for (int i = 0; i < 5; ++i) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    order.place.socket.copy(address.sun_path, sizeof address.sun_path - 1);
    clients.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_TEST(connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
               0);
  }
  BOOST_TEST(has_waiting(order.listener));
  BOOST_TEST(refuse_waiting(order.listener) == 5U);
  BOOST_TEST(!has_waiting(order.listener));
  for (const auto& client : clients) {
    char byte = 0;
    BOOST_TEST(read(client.get(), &byte, 1) == 0);
  }
  BOOST_TEST(refuse_waiting({}) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
