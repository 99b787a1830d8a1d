#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <set>

#include "test/conformance/containerd_node.hpp"
#include "test/integration/containerd_process.hpp"
#include "test/integration/daemon_leftovers.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/sandbox_records.hpp"
#include "test/integration/waits.hpp"

/// Somebody removes files of a daemon of the containerd runtime that is down.
namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;

constexpr auto ready = "SANDBOX_READY";
constexpr auto not_ready = "SANDBOX_NOTREADY";

struct Pods {
  const ContainerdNode node;
  const SandboxRecords records{node.socket()};
  DaemonProcess daemon{{.config = node.daemon_config() + "orphans.remove_after = \"1s\"\n",
                        .own_programs = true,
                        .containerd = node.socket()}};
  std::map<std::string, std::uint32_t> pids;

  void run(const std::string& id) {
    records.write(id);
    auto request = create_request(id, node.cgroup_parent());
    node.complete(request);
    grpc::ClientContext context;
    controller::ControllerCreateResponse response;
    BOOST_REQUIRE(daemon.controller()->Create(&context, request, &response).ok());
    pids[id] = start(*daemon.controller(), id);
  }

  void kill_pod(const std::string& id) const { ::kill(static_cast<pid_t>(pids.at(id)), SIGKILL); }
  void kill_daemon() {
    daemon.signal(SIGKILL);
    daemon.wait();
  }
  void lose_journal() const {
    for (const auto& entry : fs::directory_iterator(daemon.data_dir())) {
      if (entry.path().filename().string().starts_with("journal")) fs::remove(entry.path());
    }
  }
  void lose_all() const { fs::remove_all(daemon.data_dir()); }

  grpc::Status status_of(const std::string& id, std::string* state) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(4));
    controller::ControllerStatusRequest request;
    request.set_sandbox_id(id);
    controller::ControllerStatusResponse response;
    const auto status = daemon.controller()->Status(&context, request, &response);
    *state = response.state();
    return status;
  }
  bool becomes(const std::string& id, const std::string& expected) const {
    return eventually([&] {
      std::string state;
      return status_of(id, &state).ok() && state == expected;
    });
  }

  /// While nobody can know it: neither that it is gone, nor that it has ended.
  void check_nothing_false_is_told(const std::string& id) const {
    std::string state;
    const auto status = status_of(id, &state);
    using enum grpc::StatusCode;
    const auto code = status.error_code();
    BOOST_TEST((code == UNAVAILABLE || code == DEADLINE_EXCEEDED || state == ready),
               state + status.error_message());
  }
  void check_runs(const std::string& id) const {
    BOOST_TEST(becomes(id, ready), id);
    BOOST_TEST(start(*daemon.controller(), id) == pids.at(id));  // what the first Start answered
    BOOST_TEST(fs::exists("/proc/" + std::to_string(pids.at(id))));
  }
  void check_killed(const std::string& id) const {
    BOOST_TEST(becomes(id, not_ready), id);
    Waits waits(daemon.channel());
    const auto& call = waits.open(id);
    BOOST_REQUIRE(waits.settled(1));
    BOOST_TEST(call.status.ok(), call.status.error_message());
    BOOST_TEST(call.response.exit_status() == 137U);
  }
  /// Also what nobody asks to be removed.
  void check_end(const std::set<std::string>& known) {
    for (const auto& id : known) {
      BOOST_TEST(stop(*daemon.controller(), id).ok());
      BOOST_TEST(test::shutdown(*daemon.controller(), id).ok());
      records.remove(id);
    }
    std::set<std::string> ids;
    for (const auto& [id, pid] : pids) ids.insert(id);
    const auto left = [&] { return node.leftovers(ids) + files_in({daemon.data_dir() + "/containers"}); };
    BOOST_TEST(eventually([&] { return left().empty(); }), left());
    daemon.signal(SIGTERM);
    daemon.wait();
    BOOST_TEST(leftovers_of(daemon) == "");
    for (const auto& id : ids) records.remove(id);
  }
};

void run_kill_and_stop(Pods& pods) {
  for (const char* id : {"runs", "killed", "stopped"}) pods.run(id);
  BOOST_TEST(stop(*pods.daemon.controller(), "stopped").ok());
  pods.kill_daemon();
  pods.kill_pod("killed");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lost_journal, Pods)

BOOST_AUTO_TEST_CASE(pods_outlive_the_journal) {
  run_kill_and_stop(*this);
  lose_journal();
  daemon.start();
  check_runs("runs");
  check_killed("killed");
  check_end({"runs", "killed"});
}

/// All of our files: containerd says what there is.
BOOST_AUTO_TEST_CASE(pods_outlive_the_data_directory) {
  run_kill_and_stop(*this);
  lose_all();
  daemon.start();
  check_runs("runs");
  check_killed("killed");
  check_end({"runs", "killed"});
}

/// Only it can repeat what the Start was answered. Until then nothing false is told.
BOOST_AUTO_TEST_CASE(the_journal_is_lost_and_containerd_is_away) {
  run_kill_and_stop(*this);
  lose_journal();
  kill_containerd();
  daemon.start();
  check_nothing_false_is_told("runs");
  start_containerd();
  check_runs("runs");
  check_killed("killed");
  check_end({"runs", "killed"});
}

/// Nobody knows what there is, so of nothing it may be said that it is gone.
BOOST_AUTO_TEST_CASE(all_is_lost_and_containerd_is_away) {
  run_kill_and_stop(*this);
  lose_all();
  kill_containerd();
  daemon.start();
  check_nothing_false_is_told("runs");
  start_containerd();
  check_runs("runs");
  check_killed("killed");
  check_end({"runs", "killed"});
}

/// A daemon believes its own records when they say that they are all: what else there is of it in containerd
/// is nobody's.
BOOST_AUTO_TEST_CASE(what_nobody_knows_of_is_removed) {
  run("forgotten");
  kill_daemon();
  lose_journal();
  for (const auto& entry : fs::directory_iterator(daemon.data_dir() + "/containers"))
    fs::remove(entry.path());
  daemon.start();
  BOOST_TEST(eventually([&] { return node.leftovers({"forgotten"}).empty(); }),
             node.leftovers({"forgotten"}));
  run("known");
  check_runs("known");
  check_end({"known"});
}

/// They die when nobody is there that could see it.
BOOST_AUTO_TEST_CASE(pods_die_while_containerd_is_away) {
  for (const char* id : {"runs", "killed"}) run(id);
  kill_daemon();
  lose_all();
  kill_containerd();
  kill_pod("killed");
  daemon.start();
  start_containerd();
  check_runs("runs");
  check_killed("killed");
  check_end({"runs", "killed"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
