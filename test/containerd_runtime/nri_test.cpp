#include "services/containerd/runtime/nri.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "test/linux/eventually.hpp"

namespace podsandbox::test {

using namespace containerd_runtime;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// Plugins that are scripts, in a directory of their own that comes first in PATH. They find it in $HERE.
class Plugins {
 public:
  Plugins() {
    std::string pattern = (std::filesystem::temp_directory_path() / "podsandbox-nri-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = pattern;
    setenv("PATH", (directory_.string() + ":" + old_path_).c_str(), 1);
    setenv("HERE", directory_.c_str(), 1);
  }
  ~Plugins() {
    setenv("PATH", old_path_.c_str(), 1);
    std::filesystem::remove_all(directory_);
    BOOST_TEST(waitpid(-1, nullptr, WNOHANG) == -1);  // nothing is left, not even a zombie
  }
  Plugins(const Plugins&) = delete;
  Plugins& operator=(const Plugins&) = delete;

  void write(const std::string& name, const std::string& text, mode_t mode = 0755) {
    std::ofstream(directory_ / name) << text;
    chmod((directory_ / name).c_str(), mode);
  }
  void script(const std::string& name, const std::string& lines) { write(name, "#!/bin/sh\n" + lines); }

  std::string read(const std::string& name) const {
    std::ifstream file(directory_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  Result<Done> run(const std::vector<std::string>& names, NriState state = NriState::create,
                   std::chrono::nanoseconds timeout = 20s) const {
    NriPlugins plugins;
    for (const auto& name : names) plugins.list.push_back({name, ""});
    return run_nri(plugins, state, {"s1", 42, "{}", {{"app", "web"}}}, timeout);
  }

  void fails(const std::string& name, ErrorKind kind, const std::string& why,
             std::chrono::nanoseconds timeout = 20s) const {
    const auto done = run({name}, NriState::create, timeout);
    BOOST_REQUIRE(!done.has_value());
    BOOST_TEST((done.error().kind == kind));
    BOOST_TEST(done.error().message == "the NRI plugin " + name + ", at the create: " + why);
  }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }

 private:
  std::filesystem::path directory_;
  const std::string old_path_ = std::getenv("PATH");
};

/// Whether this process, whose number a plugin wrote down, is there and no zombie.
bool runs(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::stringstream text;
  text << file.rdbuf();
  const auto state = text.str().rfind(") ");
  return state != std::string::npos && text.str()[state + 2] != 'Z';
}

/// One signal ignored and one blocked, as a daemon has them.
class DaemonSignals {
 public:
  DaemonSignals() {
    sigemptyset(&blocked_);
    sigaddset(&blocked_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked_, nullptr);
  }
  ~DaemonSignals() {
    pthread_sigmask(SIG_UNBLOCK, &blocked_, nullptr);
    signal(SIGPIPE, old_);
  }
  DaemonSignals(const DaemonSignals&) = delete;
  DaemonSignals& operator=(const DaemonSignals&) = delete;

 private:
  sigset_t blocked_{};
  decltype(SIG_DFL) old_ = signal(SIGPIPE, SIG_IGN);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(nri, Plugins)

BOOST_AUTO_TEST_CASE(each_plugin_is_told_the_results_of_those_before_it) {
  script("one", R"(cat >$HERE/one.told; echo "$*" >$HERE/one.words; echo '{"plugin":"one","version":"1"}')");
  write("two", R"(#!/usr/bin/python3
import json, os, sys
told = json.load(sys.stdin)
json.dump(told, open(os.environ["HERE"] + "/two.told", "w"))
json.dump({"plugin": "two", "version": "2", "metadata": {"pid": str(told["pid"])}}, sys.stdout)
)");
  script("three", "cat >$HERE/three.told; echo '{}'");
  BOOST_TEST(run({"one", path("two"), "three"}).has_value());
  BOOST_TEST(read("one.words") == "invoke\n");
  BOOST_TEST(json::parse(read("one.told")) == json::parse(R"({"version": "0.1", "state": "create", "id": "s1",
    "sandboxID": "s1", "pid": 42, "spec": {}, "labels": {"app": "web"}})"));
  BOOST_TEST(json::parse(read("two.told"))["results"] ==
             json::parse(R"([{"plugin": "one", "version": "1", "error": ""}])"));
  BOOST_TEST(json::parse(read("three.told"))["results"] ==
             json::parse(R"([{"plugin": "one", "version": "1", "error": ""},
                             {"plugin": "two", "version": "2", "error": "", "metadata": {"pid": "42"}}])"));
}

BOOST_AUTO_TEST_CASE(a_delete_is_told_as_such) {
  script("one", "cat >$HERE/told; echo '{}'");
  BOOST_TEST(run({"one"}, NriState::remove).has_value());
  BOOST_TEST(json::parse(read("told"))["state"] == "delete");
}

BOOST_AUTO_TEST_CASE(no_plugins_are_no_work) {
  BOOST_TEST(run({}).has_value());
}

BOOST_AUTO_TEST_CASE(a_result_counts_whatever_the_exit_status_is) {
  script("one", "echo '{}'; exit 3");
  BOOST_TEST(run({"one"}).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_not_read_of_a_request_is_no_error) {
  script("one", "exec <&-; echo '{}'");
  NriPlugins plugins{"0.1", {{"one", json(std::string(1 << 20, 'x')).dump()}}};
  BOOST_TEST(run_nri(plugins, NriState::create, {"s1", 42, "{}", {}}, 20s).has_value());
}

BOOST_AUTO_TEST_CASE(a_large_request_arrives_whole) {
  script("one", "wc -c >$HERE/size; echo '{}'");
  NriPlugins plugins{"0.1", {{"one", json(std::string(1 << 20, 'x')).dump()}}};
  BOOST_TEST(run_nri(plugins, NriState::create, {"s1", 42, "{}", {}}, 20s).has_value());
  BOOST_TEST(std::stoul(read("size")) > 1U << 20);
}

BOOST_AUTO_TEST_CASE(plugins_find_programs_where_they_are_found_themselves) {
  script("one", "printf %s \"$PATH\" >$HERE/path; echo '{}'");
  BOOST_TEST(run({"one"}).has_value());
  BOOST_TEST(read("path") == std::string(std::getenv("PATH")) + ":/opt/nri/bin");
}

BOOST_AUTO_TEST_CASE(signals_are_as_programs_expect_them) {
  const DaemonSignals signals;
  script("piped", "kill -PIPE $$; echo '{}'");
  fails("piped", ErrorKind::internal, "it wrote no result and exited with 141");
  script("told", "kill -TERM $$; echo '{}'");
  fails("told", ErrorKind::internal, "it wrote no result and exited with 143");
}

BOOST_AUTO_TEST_CASE(a_plugin_that_fails_is_the_error_and_the_last_that_runs) {
  script("one", "cat <<'END'\n{\"error\": \"no\\nway\"}\nEND");
  script("two", "touch $HERE/two.ran; echo '{}'");
  fails("one", ErrorKind::failed_precondition, R"(it failed: "no\nway")");
  BOOST_TEST(!run({"one", "two"}).has_value());
  BOOST_TEST(!std::filesystem::exists(path("two.ran")));
}

BOOST_AUTO_TEST_CASE(a_plugin_without_a_result_is_an_error) {
  script("silent", "exit 0");
  fails("silent", ErrorKind::internal, "it wrote no result and exited with 0");
  script("broken", "exit 3");
  fails("broken", ErrorKind::internal, "it wrote no result and exited with 3");
  script("killed", "kill -KILL $$");
  fails("killed", ErrorKind::internal, "it wrote no result and exited with 137");
  script("garbage", "echo hello");
  fails("garbage", ErrorKind::internal, R"(its output is no JSON object: "hello\n")");
}

BOOST_AUTO_TEST_CASE(a_plugin_that_writes_too_much_is_killed) {
  script("loud", "echo $$ >$HERE/pid; exec yes");
  fails("loud", ErrorKind::internal, "it wrote more than 1048576 bytes and was killed");
  BOOST_TEST(!runs(std::to_string(std::stoi(read("pid")))));
}

BOOST_AUTO_TEST_CASE(a_plugin_that_hangs_is_killed_with_all_its_processes) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // its child becomes ours, so that it can be waited for
  script("slow", "sleep 1000 & echo $! >$HERE/pid; echo '{}'; wait");
  fails("slow", ErrorKind::deadline_exceeded, "it did not end within 300 ms and was killed", 300ms);
  const auto child = std::to_string(std::stoi(read("pid")));
  BOOST_TEST(eventually([&] { return !runs(child); }, 5s));
  kill(std::stoi(child), SIGKILL);
  BOOST_TEST(waitpid(std::stoi(child), nullptr, 0) == std::stoi(child));
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

BOOST_AUTO_TEST_CASE(a_plugin_that_has_closed_its_output_may_still_hang) {
  script("slow", "exec >&-; exec sleep 1000");
  fails("slow", ErrorKind::deadline_exceeded, "it did not end within 300 ms and was killed", 300ms);
}

BOOST_AUTO_TEST_CASE(what_a_plugin_leaves_running_is_not_waited_for) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  script("starter", "sleep 1000 & echo $! >$HERE/pid; echo '{}'");
  BOOST_TEST(run({"starter"}).has_value());
  const auto child = std::stoi(read("pid"));
  BOOST_TEST(runs(std::to_string(child)));
  kill(child, SIGKILL);
  BOOST_TEST(waitpid(child, nullptr, 0) == child);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_executed_is_an_error) {
  const std::string searched = std::string(std::getenv("PATH")) + ":/opt/nri/bin";
  fails("missing", ErrorKind::failed_precondition, "there is no executable file of this name in " + searched);
  write("plain", "#!/bin/sh\n", 0644);
  fails("plain", ErrorKind::failed_precondition, "there is no executable file of this name in " + searched);
  fails(path("plain"), ErrorKind::failed_precondition, "it is no executable file");
  fails("/usr", ErrorKind::failed_precondition, "it is no executable file");
  write("noise", "no program at all");
  fails("noise", ErrorKind::failed_precondition, "starting " + path("noise") + ": Exec format error");
}

BOOST_AUTO_TEST_CASE(the_configuration_is_read_from_its_file) {
  BOOST_TEST(read_nri_config(path("none")).value().list.empty());
  BOOST_TEST(read_nri_config(path("none")).value().version == "0.1");
  write("conf.json", R"({"version": "0.1", "plugins": [{"type": "one"}]})");
  BOOST_TEST(read_nri_config(path("conf.json")).value().list.at(0).type == "one");
  write("conf.json", "{");
  const auto refused = read_nri_config(path("conf.json"));
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(refused.error().message ==
             "the NRI configuration " + path("conf.json") + ": it is no JSON object");
  BOOST_TEST((read_nri_config(path("")).error().kind == ErrorKind::failed_precondition));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
