#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>

#include "test/integration/daemon_leftovers.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/waits.hpp"

/// Somebody removes files of a daemon that is down; and what a start would do is told before it does it.
namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;

struct Node {
  DaemonProcess daemon;
  const fs::path directory = daemon.directory();

  void kill_daemon() {
    daemon.signal(SIGKILL);
    daemon.wait();
  }
  std::string state(const std::string& id) const { return test::state(*daemon.controller(), id); }

  /// What `podsandboxd --recover=dry-run` prints, columns one space apart.
  std::string plan() const {
    std::string command;
    for (const auto& word : daemon_command(directory)) command.append(word).append(" ");
    command.append("--recover=dry-run 2>&1 | tr -s ' '");
    FILE* output = popen(command.c_str(), "r");
    std::string text;
    for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) text += static_cast<char>(c);
    pclose(output);
    return text;
  }

  std::map<std::string, fs::file_time_type> files() const {
    std::map<std::string, fs::file_time_type> all;
    for (const char* part : {"data", "state", "cri-root"}) {
      for (const auto& entry : fs::recursive_directory_iterator(directory / part)) {
        if (!entry.is_socket()) all[entry.path()] = entry.last_write_time();
      }
    }
    return all;
  }
};

/// A row of the plan.
std::string row(std::initializer_list<std::string> cells) {
  std::string text;
  for (const auto& cell : cells) text.append(text.empty() ? "" : " ").append(cell);
  return text.append("\n");
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lost_journal, Node)

BOOST_AUTO_TEST_CASE(pods_outlive_the_journal) {
  const auto pid = run(*daemon.controller(), "runs");
  const auto killed = run(*daemon.controller(), "killed");
  run(*daemon.controller(), "stopped");
  BOOST_TEST(stop(*daemon.controller(), "stopped").ok());
  kill_daemon();
  ::kill(static_cast<pid_t>(killed), SIGKILL);
  for (const auto& entry : fs::directory_iterator(directory / "data")) {
    if (entry.is_regular_file()) fs::remove(entry.path());
  }
  daemon.start();
  BOOST_TEST(state("runs") == "SANDBOX_READY");
  BOOST_TEST(start(*daemon.controller(), "runs") == pid);
  BOOST_TEST(state("killed") == "SANDBOX_NOTREADY");
  Waits waits(daemon.channel());
  const auto& call = waits.open("killed");
  BOOST_REQUIRE(waits.settled(1));
  BOOST_TEST(call.response.exit_status() == 137U);
  BOOST_TEST(eventually([&] { return !fs::exists(directory / "cri-root/sandboxes/stopped"); }));
  for (const char* id : {"runs", "killed", "stopped"}) BOOST_TEST(shutdown(*daemon.controller(), id).ok());
  BOOST_TEST(fs::is_empty(directory / "data/sandboxes"));
  BOOST_TEST(fs::is_empty(directory / "cri-root/sandboxes"));
}

/// All of our files: of what runs only the id is known, and that is enough for it to run on and to be ended.
BOOST_AUTO_TEST_CASE(pods_outlive_the_data_directory) {
  run(*daemon.controller(), "runs");
  kill_daemon();
  fs::remove_all(directory / "data");
  daemon.start();
  BOOST_TEST(state("runs") == "SANDBOX_READY");
  BOOST_TEST(shutdown(*daemon.controller(), "runs").ok());
  BOOST_TEST(fs::is_empty(directory / "cri-root/sandboxes"));
}

/// Nor does anything of theirs outlive them: what runs finds its cgroup again, and what nobody knows of is
/// removed.
BOOST_AUTO_TEST_CASE(nothing_outlives_the_pods) {
  DaemonProcess quick({.config = "[orphans]\nremove_after = \"1s\"\n"});
  const auto stub = quick.controller();
  const std::string parent = "lost-" + quick.directory().filename().string();
  for (const char* id : {"runs", "killed", "stopped"}) {
    grpc::ClientContext context;
    controller::ControllerCreateResponse response;
    const auto request = create_request(id, "/" + parent + "/" + id);
    BOOST_REQUIRE(stub->Create(&context, request, &response).ok());
  }
  start(*stub, "runs");
  const auto killed = start(*stub, "killed");
  start(*stub, "stopped");
  BOOST_TEST(stop(*stub, "stopped").ok());
  quick.signal(SIGKILL);
  quick.wait();
  ::kill(static_cast<pid_t>(killed), SIGKILL);
  fs::remove_all(quick.data_dir());
  quick.start();
  BOOST_TEST(cgroups_at(parent + "/runs") != "");
  BOOST_TEST(shutdown(*quick.controller(), "runs").ok());
  BOOST_TEST(cgroups_at(parent + "/runs") == "");
  BOOST_TEST(eventually([&] { return cgroups_at(parent).empty(); }));
  BOOST_TEST(shutdown(*quick.controller(), "killed").ok());
  for (const char* place : {"cri-root/sandboxes", "cri-state/sandboxes"}) {
    BOOST_TEST(eventually([&] { return fs::is_empty(quick.directory() / place); }), place);
  }
}

BOOST_AUTO_TEST_CASE(what_a_start_would_do_is_told) {
  const auto pid = run(*daemon.controller(), "runs");
  const auto killed = run(*daemon.controller(), "killed");
  BOOST_TEST(create(*daemon.controller(), "created").ok());
  BOOST_TEST(has(plan(), "another podsandboxd uses it"));
  kill_daemon();
  ::kill(static_cast<pid_t>(killed), SIGKILL);
  const auto before = files();
  BOOST_REQUIRE(eventually([&] { return has(plan(), "ended with 137"); }));
  const auto told = plan();
  BOOST_TEST_INFO(told);
  BOOST_TEST(has(told, row({"runs", "ready", "pid", std::to_string(pid), "adopt"})));
  BOOST_TEST(
      has(told, row({"killed", "ready", "pid", std::to_string(killed) + ",", "ended with 137 record exit"})));
  BOOST_TEST(has(told, "created created - settled\n"));
  BOOST_TEST(has(told, "3 sandboxes, 1 adopt, 1 record exit, 1 settled\n"));
  BOOST_TEST((files() == before));
  fs::remove(directory / "data/journal.sqlite3");
  fs::remove(directory / "data/journal.sqlite3-wal");
  BOOST_TEST(has(plan(), row({"runs", "-", "pid", std::to_string(pid), "take over"})));
  daemon.start();
  BOOST_TEST(state("runs") == "SANDBOX_READY");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
