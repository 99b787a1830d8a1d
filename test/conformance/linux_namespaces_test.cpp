#include <fcntl.h>
#include <sched.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "services/host/process_facts.hpp"
#include "test/conformance/linux_fixture.hpp"
#include "test/conformance/look_inside.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

namespace {

std::string open_files(int pid) {
  std::string all;
  std::error_code error;  // they may close meanwhile
  for (const auto& fd : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    all += fd.path().filename().string() + "=" + std::filesystem::read_symlink(fd, error).string() + " ";
  }
  return all;
}

struct Linux {
  LinuxFixture runtime;

  int start(SandboxSpec spec) {
    const auto started = runtime.port().start(share(std::move(spec)));
    BOOST_REQUIRE_MESSAGE(started, started.error().message);
    return static_cast<int>(started->pid);
  }
  ~Linux() {
    const auto processes = runtime.port().list().value();
    for (const auto& process : processes) runtime.port().cleanup(process.id).value();
    BOOST_TEST(runtime.leftovers() == "");
  }
};

void use_host_network(::runtime::v1::PodSandboxConfig& config) {
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(
      ::runtime::v1::NODE);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(linux_namespaces, Linux)

// Five namespaces of its own; the user and cgroup namespaces stay the host's.
BOOST_AUTO_TEST_CASE(are_its_own) {
  const int pid = start(spec_of("one"));
  for (const char* own : {"mnt", "uts", "ipc", "pid", "net"}) {
    BOOST_TEST(namespace_of(pid, own) != "");
    BOOST_TEST(namespace_of(pid, own) != namespace_of(getpid(), own));
  }
  for (const char* shared : {"user", "cgroup"}) {
    BOOST_TEST(namespace_of(pid, shared) == namespace_of(getpid(), shared));
  }
  BOOST_TEST(status_line(pid, "NSpid") == std::to_string(pid) + "\t1");
  BOOST_TEST(inside(pid, "--net cat /sys/class/net/lo/operstate") != "down");
  BOOST_TEST(inside(pid, "--net ip -o link show lo 2>/dev/null || true").find("state DOWN") ==
             std::string::npos);
}

// The host name is the pod's, in its UTS namespace alone.
BOOST_AUTO_TEST_CASE(hostname) {
  const std::string host = host::host_name();
  const std::string longest(64, 'h');
  const int pid = start(spec_of("one", [&](auto& config) { config.set_hostname(longest); }));
  BOOST_TEST(inside(pid, "--uts uname -n") == longest);
  BOOST_TEST(host::host_name() == host);
  const int unnamed = start(spec_of("two"));
  BOOST_TEST(inside(unnamed, "--uts uname -n") == host);
}

// A network namespace that is given is the one that it joins.
BOOST_AUTO_TEST_CASE(given_network) {
  const OtherNetwork other(CLONE_NEWNET);
  auto spec = spec_of("one");
  spec.netns_path = other.path();
  const int pid = start(spec);
  BOOST_TEST(namespace_of(pid, "net") == other.name());
  BOOST_TEST(namespace_of(pid, "uts") != namespace_of(getpid(), "uts"));
}

// With the host's network the UTS namespace is the host's as well.
BOOST_AUTO_TEST_CASE(host_network) {
  const int pid = start(spec_of("one", use_host_network));
  for (const char* shared : {"net", "uts"})
    BOOST_TEST(namespace_of(pid, shared) == namespace_of(getpid(), shared));
  for (const char* own : {"mnt", "ipc", "pid"})
    BOOST_TEST(namespace_of(pid, own) != namespace_of(getpid(), own));
}

// It may do nothing, has nothing open, and sees nothing of the host's files.
BOOST_AUTO_TEST_CASE(has_no_privileges) {
  const int pid = start(spec_of("one"));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    BOOST_TEST(status_line(pid, set) == "0000000000000000");
  }
  BOOST_TEST(status_line(pid, "NoNewPrivs") == "1");
  BOOST_TEST(status_line(pid, "Groups") == "");
  const std::string proc = "/proc/" + std::to_string(pid);
  // Eventually: it closes its control socket when it hears that it may stay.
  BOOST_TEST(eventually([&] { return open_files(pid) == "0=/dev/null 1=/dev/null 2=/dev/null "; }));
  BOOST_TEST(output_of("wc -l < " + proc + "/mountinfo") == "1");
  BOOST_TEST(output_of("cut -d' ' -f5-6 " + proc + "/mountinfo") == "/ ro,nosuid,nodev,noexec,relatime");
  BOOST_TEST(std::filesystem::is_empty(proc + "/root"));
}

// Pid 1 reaps what is reparented to it.
BOOST_AUTO_TEST_CASE(reaps_orphans) {
  const int pid = start(spec_of("one"));
  inside(pid, "--pid sh -c '(true & true &) '");
  const std::string children = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children";
  BOOST_TEST(eventually([&] { return output_of("cat " + children).empty(); }));
  BOOST_TEST(!runtime.port().inspect("one").value().exit);
}

// It is small.
BOOST_AUTO_TEST_CASE(memory) {
  const int pid = start(spec_of("one"));
  BOOST_TEST_MESSAGE("pause VmRSS " + status_line(pid, "VmRSS"));
  BOOST_TEST(std::stoi(status_line(pid, "VmRSS")) < 300);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
