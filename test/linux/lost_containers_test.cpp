#include "services/linux/shims/lost_containers.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <future>

#include "proto/runc_options.pb.h"
#include "test/linux/eventually.hpp"
#include "test/linux/oci_box.hpp"
#include "test/linux/specs.hpp"

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
namespace data = boost::unit_test::data;
using namespace linux_runtime;
using namespace std::chrono_literals;

using Ids = std::vector<std::string>;

const Ids programs{"runc", "crun"};

OciRuntime runtime_with(const ::containerd::runc::v1::Options& options) {
  auto spec = spec_of("s1");
  spec.runtime_options = {"containerd.runc.v1.Options", options.SerializeAsString()};
  return oci_runtime_of(spec);
}

bool is_gone(const OciBox& box, const std::string& id) {
  return !fs::exists(box.state(id)) && box.cgroups(id).empty();
}

bool all_end(const std::vector<int>& pids) {
  return eventually([&] { return std::ranges::none_of(pids, runs); });
}

/// What is found beside real containers: of a pod, too, by its text, but no container.
void litter(const OciBox& box, const std::string& sandbox) {
  const auto write = [&](const std::string& id, const std::string& file, const std::string& text) {
    fs::create_directories(box.state(id));
    std::ofstream(box.state(id) / file) << text;
  };
  write("text", "state.json", sandbox);
  write("text", "status", sandbox);
  write("list", "status", "[\"" + sandbox + "\"]");
  write("odd", "config.json",
        R"({"annotations": {"io.kubernetes.cri.sandbox-id": ["x", ")" + sandbox + "\"]}}");
  write("-rf", "config.json", R"({"annotations": {"io.kubernetes.cri.sandbox-id": ")" + sandbox + "\"}}");
  fs::create_directories(box.state("empty"));
  std::ofstream(box.state("file")) << sandbox;
  fs::create_directories(box.state("pipe"));
  mkfifo((box.state("pipe") / "state.json").c_str(), 0600);
  fs::create_symlink(box.state("pipe"), box.state("link"));
}

/// The signals that wait for a process to be able to die.
bool is_being_killed(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    if (word != "ShdPnd:" && word != "SigPnd:") continue;
    status >> word;
    if ((std::stoull(word, nullptr, 16) >> (SIGKILL - 1) & 1) != 0) return true;
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_containers)

BOOST_AUTO_TEST_CASE(the_options_name_the_runtime) {
  const OciRuntime usual{"runc", "/run/containerd/runc"};
  BOOST_TEST((oci_runtime_of(spec_of("s1")) == usual));
  ::containerd::runc::v1::Options options;
  options.set_systemd_cgroup(true);
  BOOST_TEST((runtime_with(options) == usual));
  options.set_binary_name("/opt/bin/crun");
  options.set_root("/run/crun");
  BOOST_TEST((runtime_with(options) == OciRuntime{"/opt/bin/crun", "/run/crun"}));
  const auto in_cgroup = [](auto& config) { config.mutable_linux()->set_cgroup_parent("/pods/a"); };
  BOOST_TEST(oci_runtime_of(spec_of("s1", in_cgroup)).cgroup_parent == "/pods/a");
  BOOST_TEST((oci_runtime_of(SandboxSpec{}) == usual));
  auto spec = spec_of("s1");
  spec.runtime_options = {"containerd.runc.v1.Options", "\xff"};
  BOOST_TEST((oci_runtime_of(spec) == usual));
  spec.runtime_options = {"runtimeoptions.v1.Options", options.SerializeAsString()};
  BOOST_TEST((oci_runtime_of(spec) == usual));
}

BOOST_DATA_TEST_CASE(those_of_one_pod_are_found_and_removed, data::make(programs), program) {
  const OciBox box(program);
  BOOST_TEST(containers_of_pod(box.runtime(), "pod-a").value().empty());  // it never ran
  std::vector<int> pids;
  for (const char* id : {"a1", "a2", "a3"}) pids.push_back(box.run({id, "pod-a", "sleep 1000 & sleep 1000"}));
  box.ask({"pause", "a2"});
  fs::remove_all(box.bundle("a3"));  // as containerd does
  const int dead = box.run({"a4", "pod-a"});
  kill(dead, SIGKILL);
  const int other = box.run({"b1", "pod-b", "exec sleep 1000", true, "pod-a"});
  litter(box, "pod-a");
  for (const char* id : {"a1", "a3"}) {
    BOOST_TEST(eventually([&] { return box.processes(id).size() == 2; }));
    for (const int pid : box.processes(id)) pids.push_back(pid);
  }

  const Ids ids = containers_of_pod(box.runtime(), "pod-a").value();
  BOOST_TEST(ids == (Ids{"a1", "a2", "a3", "a4"}), boost::test_tools::per_element());
  const auto removed = remove_containers(box.runtime(), ids, 20s);
  BOOST_TEST(removed.has_value(), (removed ? "" : removed.error().message));
  for (const auto& id : ids) BOOST_TEST(is_gone(box, id), id);
  BOOST_TEST(all_end(pids));
  BOOST_TEST(containers_of_pod(box.runtime(), "pod-a").value().empty());
  BOOST_TEST(remove_containers(box.runtime(), ids, 20s).has_value());

  BOOST_TEST(runs(other));
  BOOST_TEST(containers_of_pod(box.runtime(), "pod-b").value() == Ids{"b1"},
             boost::test_tools::per_element());
  BOOST_TEST(remove_containers(box.runtime(), {"b1"}, 20s).has_value());
  BOOST_TEST(is_gone(box, "b1"));
}

// One whose making was cut off: all that is there says whose it was going to be.
BOOST_DATA_TEST_CASE(half_a_container_is_removed, data::make(programs), program) {
  const OciBox box(program);
  fs::create_directories(box.state("half"));
  std::ofstream(box.state("half") / "config.json")
      << R"({"annotations": {"io.kubernetes.cri.sandbox-id": "pod-a"}})";
  BOOST_TEST(containers_of_pod(box.runtime(), "pod-a").value() == Ids{"half"},
             boost::test_tools::per_element());
  BOOST_TEST(remove_containers(box.runtime(), {"half"}, 20s).has_value());
  BOOST_TEST(is_gone(box, "half"));
}

// What runc leaves when it dies while it makes a container: a directory and a cgroup.
BOOST_AUTO_TEST_CASE(a_container_that_was_begun_is_found_by_its_cgroup) {
  const OciBox box("runc");
  const int other = box.run({"other", "pod-b"});
  for (const char* id : {"begun", "making", "elsewhere"}) fs::create_directories(box.state(id));
  box.make_cgroup("begun");
  box.make_cgroup("making", other);
  auto runtime = box.runtime();
  BOOST_TEST(containers_of_pod(runtime, "pod-a").value().empty());  // it is not known where to look
  runtime.cgroup_parent = box.cgroup();
  BOOST_TEST(containers_of_pod(runtime, "pod-a").value() == Ids{"begun"}, boost::test_tools::per_element());
  BOOST_TEST(remove_containers(runtime, {"begun"}, 20s).has_value());
  BOOST_TEST(is_gone(box, "begun"));
  BOOST_TEST(runs(other));
}

// Of a pod in which all see each other's processes: they do not end with the container's first.
BOOST_DATA_TEST_CASE(all_that_runs_in_it_ends, data::make(programs), program) {
  const OciBox box(program);
  const std::string command = "sleep 1000 & setsid sleep 1000 & exec sleep 1000";
  const int first = box.run({"c1", "pod-a", command, false});
  const int dead = box.run({"c2", "pod-a", command, false});
  BOOST_TEST(eventually([&] { return box.processes("c1").size() == 3 && box.processes("c2").size() == 3; }));
  auto pids = box.processes("c1");
  for (const int pid : box.processes("c2")) pids.push_back(pid);
  kill(dead, SIGKILL);
  BOOST_TEST(eventually([&] { return !runs(dead); }));
  BOOST_TEST(runs(first));
  BOOST_TEST(remove_containers(box.runtime(), {"c1", "c2"}, 20s).has_value());
  BOOST_TEST(is_gone(box, "c1"));
  BOOST_TEST(is_gone(box, "c2"));
  BOOST_TEST(all_end(pids));
}

// crun has forgotten the container by then, with its cgroups still there.
BOOST_DATA_TEST_CASE(it_is_waited_for_one_that_is_slow_to_die, data::make(programs), program) {
  const OciBox box(program);
  const int pid = box.run({"c1", "pod-a"});
  const auto frozen = box.freeze_below("c1");
  if (!frozen) return;  // nothing keeps a process from being killed here
  auto removed =
      std::async(std::launch::async, [&] { return remove_containers(box.runtime(), {"c1"}, 20s); });
  BOOST_TEST(eventually([&] { return is_being_killed(pid); }));
  if (program == "crun") BOOST_TEST(eventually([&] { return !fs::exists(box.state("c1")); }));
  BOOST_TEST((removed.wait_for(0s) == std::future_status::timeout));
  std::ofstream(*frozen) << "THAWED" << std::flush;
  const auto result = removed.get();
  BOOST_TEST(result.has_value(), (result ? "" : result.error().message));
  BOOST_TEST(is_gone(box, "c1"));
  BOOST_TEST(all_end({pid}));
}

BOOST_DATA_TEST_CASE(one_that_cannot_be_killed_is_an_error_and_delays_no_other, data::make(programs),
                     program) {
  const OciBox box(program);
  const int hung = box.run({"c1", "pod-a"});
  const int other = box.run({"c2", "pod-a"});
  const auto frozen = box.freeze_below("c1");
  if (!frozen) return;  // nothing keeps a process from being killed here
  const auto before = std::chrono::steady_clock::now();
  const auto removed = remove_containers(box.runtime(), {"c1", "c2"}, 4s);
  BOOST_TEST((std::chrono::steady_clock::now() - before < 6s));
  BOOST_REQUIRE(!removed.has_value());
  BOOST_TEST(
      (removed.error().kind == (program == "runc" ? ErrorKind::deadline_exceeded : ErrorKind::unavailable)));
  BOOST_TEST(is_gone(box, "c2"));
  BOOST_TEST(all_end({other}));
  BOOST_TEST(runs(hung));
  std::ofstream(*frozen) << "THAWED" << std::flush;
  BOOST_TEST(all_end({hung}));
  BOOST_TEST(remove_containers(box.runtime(), {"c1"}, 20s).has_value());
}

BOOST_AUTO_TEST_CASE(a_runtime_that_hangs_is_killed) {
  const OciBox box("runc");
  const int pid = box.run({"c1", "pod-a"});
  const fs::path started = box.bundle("c1") / "started";
  auto hanging = box.runtime();
  hanging.binary = box.script("hanging", "sleep 1000 & echo $! >>" + started.string() + "; wait");
  const auto found = containers_of_pod(hanging, "pod-a", 300ms);
  BOOST_REQUIRE(!found.has_value());
  BOOST_TEST((found.error().kind == ErrorKind::deadline_exceeded));
  BOOST_TEST(found.error().message ==
             "asking " + hanging.binary + " for container c1: it did not end within 300 ms and was killed");
  BOOST_TEST(containers_of_pod(hanging, "pod-b", 300ms).value().empty());  // nobody has to be asked
  const auto removed = remove_containers(hanging, {"c1"}, 600ms);
  BOOST_REQUIRE(!removed.has_value());
  BOOST_TEST((removed.error().kind == ErrorKind::deadline_exceeded));
  std::vector<int> children;
  std::ifstream file(started);
  for (int child = 0; file >> child;) children.push_back(child);
  BOOST_TEST(!children.empty());
  BOOST_TEST(all_end(children));
  BOOST_TEST(runs(pid));
  BOOST_TEST(remove_containers(box.runtime(), {"c1"}, 20s).has_value());
}

BOOST_AUTO_TEST_CASE(what_the_runtime_cannot_do_is_told) {
  const OciBox box("runc");
  box.run({"c1", "pod-a"});
  auto failing = box.runtime();
  failing.binary = box.script("failing", "echo 'no\nway' >&2; exit 3");
  const auto removed = remove_containers(failing, {"none", "c1"}, 20s);
  BOOST_REQUIRE(!removed.has_value());
  BOOST_TEST((removed.error().kind == ErrorKind::unavailable));
  BOOST_TEST(removed.error().message ==
             "removing container c1 by " + failing.binary + ": it exits with 3 and says \"no way \"");
  auto missing = box.runtime();
  missing.binary = "/nonexistent";
  BOOST_TEST((containers_of_pod(missing, "pod-a").error().kind == ErrorKind::failed_precondition));
  BOOST_TEST((remove_containers(missing, {"c1"}, 20s).error().kind == ErrorKind::failed_precondition));
  BOOST_TEST((remove_containers(box.runtime(), {"../c1"}, 20s).error().kind == ErrorKind::invalid_argument));
  BOOST_TEST(remove_containers(box.runtime(), {"c1"}, 20s).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
