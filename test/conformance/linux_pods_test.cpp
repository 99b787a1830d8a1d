#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "services/host/oom_score.hpp"
#include "services/host/process_facts.hpp"
#include "test/conformance/linux_fixture.hpp"
#include "test/conformance/look_inside.hpp"
#include "test/linux/eventually.hpp"

/// What a pod finds: its files, shared memory, users, sysctls and what else its config asks for.
namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using Config = ::runtime::v1::PodSandboxConfig;

::runtime::v1::LinuxSandboxSecurityContext& security(Config& config) {
  return *config.mutable_linux()->mutable_security_context();
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

unsigned mode_of(const fs::path& file) {
  struct stat facts {};
  return stat(file.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
}

struct Pods {
  LinuxFixture runtime;

  Result<Started> try_start(const std::string& id, const std::function<void(Config&)>& change = {}) {
    return runtime.port().start(share(spec_of(id, change)));
  }
  int start(const std::string& id, const std::function<void(Config&)>& change = {}) {
    const auto started = try_start(id, change);
    BOOST_REQUIRE_MESSAGE(started, started.error().message);
    return static_cast<int>(started->pid);
  }
  fs::path root(const std::string& id) {
    return fs::path(runtime.home().settings().cri.root_dir) / "sandboxes" / id;
  }
  fs::path state(const std::string& id) {
    return fs::path(runtime.home().settings().cri.state_dir) / "sandboxes" / id;
  }
  void expect_refused(const Result<Started>& result, ErrorKind kind, const std::string& words) {
    BOOST_REQUIRE(!result);
    BOOST_TEST_MESSAGE(result.error().message);
    BOOST_TEST((result.error().kind == kind), result.error().message);
    BOOST_TEST(result.error().message.find(words) != std::string::npos);
  }
  ~Pods() {
    const auto processes = runtime.port().list().value();
    for (const auto& process : processes) runtime.port().cleanup(process.id).value();
    BOOST_TEST(runtime.leftovers() == "");
  }
};

void use_users(Config& config) {
  auto& userns = *security(config).mutable_namespace_options()->mutable_userns_options();
  userns.set_mode(::runtime::v1::POD);
  for (auto* mapping : {userns.add_uids(), userns.add_gids()}) {
    mapping->set_host_id(200'000);
    mapping->set_length(65536);
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(linux_pods, Pods)

BOOST_AUTO_TEST_CASE(files_by_default_are_the_hosts) {
  start("one");
  BOOST_TEST(text_of(root("one") / "hostname") == host::host_name() + "\n");
  BOOST_TEST(text_of(root("one") / "hosts") == text_of("/etc/hosts"));
  BOOST_TEST(text_of(root("one") / "resolv.conf") == text_of("/etc/resolv.conf"));
  for (const char* file : {"hostname", "hosts", "resolv.conf"})
    BOOST_TEST(mode_of(root("one") / file) == 0644U);
  for (const auto& directory : {root("one"), state("one")}) BOOST_TEST(mode_of(directory) == 0755U);
}

BOOST_AUTO_TEST_CASE(files_of_the_pod) {
  start("one", [](Config& c) {
    c.set_hostname("pod-host");
    c.mutable_dns_config()->add_servers("10.0.0.10");
    c.mutable_dns_config()->add_searches("a.svc");
    c.mutable_dns_config()->add_options("ndots:5");
  });
  BOOST_TEST(text_of(root("one") / "hostname") == "pod-host\n");
  BOOST_TEST(text_of(root("one") / "resolv.conf") == "search a.svc\nnameserver 10.0.0.10\noptions ndots:5\n");
  start("two", [](Config& c) { c.mutable_dns_config(); });
  BOOST_TEST(text_of(root("two") / "resolv.conf") == "");
}

BOOST_AUTO_TEST_CASE(shared_memory) {
  start("one");
  BOOST_TEST((runtime.home().mounts() == std::vector<std::string>{state("one") / "shm"}));
  BOOST_TEST(mode_of(state("one") / "shm") == 01777U);
  std::ifstream mountinfo("/proc/self/mountinfo");
  bool seen = false;
  for (std::string line; std::getline(mountinfo, line);) {
    if (line.find(state("one") / "shm") == std::string::npos) continue;
    seen = true;
    BOOST_TEST(line.find("rw,nosuid,nodev,noexec") != std::string::npos, line);
    BOOST_TEST(line.find(" - tmpfs shm rw,size=65536k") != std::string::npos, line);
  }
  BOOST_TEST(seen);
  start("host-ipc", [](Config& c) { security(c).mutable_namespace_options()->set_ipc(::runtime::v1::NODE); });
  BOOST_TEST(!fs::exists(state("host-ipc") / "shm"));
}

// Stopping takes the process, its cgroup and the mount; files stay until the pod is removed, which also
// removes what others have put there.
BOOST_AUTO_TEST_CASE(files_stay_until_the_removal) {
  start("one");
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").has_value());
  BOOST_TEST(runtime.port().cleanup("one", runtime::Extent::task).has_value());
  BOOST_TEST(runtime.home().mounts().empty());
  BOOST_TEST(fs::exists(root("one") / "hosts"));
  BOOST_TEST(runtime.home().records().size() == 1U);
  expect_refused(try_start("one"), ErrorKind::failed_precondition, "left of a former start");

  fs::create_directories(state("one") / "volumes/a");
  BOOST_REQUIRE(mount("none", (state("one") / "volumes/a").c_str(), "tmpfs", 0, nullptr) == 0);
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(!fs::exists(root("one")));
  BOOST_TEST(!fs::exists(state("one")));
  start("one");
}

// A directory of that id, or a link in its place, is somebody else's: it is left as it is.
BOOST_AUTO_TEST_CASE(planted_directories) {
  const fs::path outside = runtime.home().path() / "outside";
  fs::create_directories(outside);
  std::ofstream(outside / "precious") << "kept";
  for (const auto& place : {root("one"), state("one")}) {
    fs::create_directories(place.parent_path());
    fs::create_directory_symlink(outside, place);
    expect_refused(try_start("one"), ErrorKind::already_exists, place);
    BOOST_TEST(fs::is_symlink(place));
    fs::remove(place);
    fs::create_directory(place);
    std::ofstream(place / "theirs") << "kept";
    expect_refused(try_start("one"), ErrorKind::already_exists, place);
    BOOST_TEST(text_of(place / "theirs") == "kept");
    fs::remove_all(place);
    BOOST_TEST(runtime.leftovers() == "");
  }
  // One that is put there while the pod lives.
  start("one");
  umount2((state("one") / "shm").c_str(), MNT_DETACH);
  fs::remove_all(state("one"));
  fs::create_directory_symlink(outside, state("one"));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(text_of(outside / "precious") == "kept");
}

BOOST_AUTO_TEST_CASE(users_and_groups) {
  const int nobody = start("nobody");
  BOOST_TEST(status_line(nobody, "Uid") == "65535\t65535\t65535\t65535");
  BOOST_TEST(status_line(nobody, "Gid") == "65535\t65535\t65535\t65535");
  BOOST_TEST(status_line(nobody, "Groups") == "");
  const auto started = try_start("named", [](Config& c) {
    security(c).mutable_run_as_user()->set_value(1000);
    security(c).mutable_run_as_group()->set_value(2000);
    for (const int group : {7, 5, 7}) security(c).add_supplemental_groups(group);
    security(c).set_privileged(true);
  });
  BOOST_REQUIRE(started);
  const int pid = static_cast<int>(started->pid);
  BOOST_TEST(status_line(pid, "Uid") == "1000\t1000\t1000\t1000");
  BOOST_TEST(status_line(pid, "Gid") == "2000\t2000\t2000\t2000");
  BOOST_TEST(status_line(pid, "Groups") == "5 7 ");
  BOOST_TEST(nlohmann::json::parse(started->spec.value)["process"]["user"] ==
             nlohmann::json::parse(R"({"uid":1000,"gid":2000,"additionalGids":[5,7]})"));
}

// Set in the pod's namespaces, and there alone.
BOOST_AUTO_TEST_CASE(sysctls) {
  const std::string hosts_forwarding = text_of("/proc/sys/net/ipv4/ip_forward");
  const std::string hosts_shmmni = text_of("/proc/sys/kernel/shmmni");
  const std::string flipped = hosts_forwarding == "1\n" ? "0" : "1";
  const int pid = start("one", [&](Config& c) {
    auto& sysctls = *c.mutable_linux()->mutable_sysctls();
    sysctls["net.ipv4.ip_forward"] = flipped;
    sysctls["net/ipv4/tcp_syncookies"] = "0";
    sysctls["kernel.shmmni"] = "1234";
    sysctls["kernel.domainname"] = "pod.example";
    sysctls["fs.mqueue.msg_max"] = "20";
  });
  const auto inner = [&](const std::string& path) { return inside(pid, "-n -i -u cat /proc/sys/" + path); };
  BOOST_TEST(inner("net/ipv4/ip_forward") == flipped);
  BOOST_TEST(inner("net/ipv4/tcp_syncookies") == "0");
  BOOST_TEST(inner("kernel/shmmni") == "1234");
  BOOST_TEST(inner("kernel/domainname") == "pod.example");
  BOOST_TEST(inner("fs/mqueue/msg_max") == "20");
  BOOST_TEST(inner("net/ipv4/ip_unprivileged_port_start") == "0");
  BOOST_TEST(inner("net/ipv4/ping_group_range") == "0\t2147483647");
  BOOST_TEST(text_of("/proc/sys/net/ipv4/ip_forward") == hosts_forwarding);
  BOOST_TEST(text_of("/proc/sys/kernel/shmmni") == hosts_shmmni);
}

BOOST_AUTO_TEST_CASE(sysctls_that_the_kernel_refuses) {
  const auto with = [this](const std::string& key, const std::string& value) {
    return try_start("one", [&](Config& c) { (*c.mutable_linux()->mutable_sysctls())[key] = value; });
  };
  expect_refused(with("net.ipv4.no_such_thing", "1"), ErrorKind::invalid_argument,
                 "config.linux.sysctls: setting net.ipv4.no_such_thing: No such file");
  expect_refused(with("net.ipv4.ip_forward", "many"), ErrorKind::invalid_argument,
                 "setting net.ipv4.ip_forward: Invalid argument");
  BOOST_TEST(runtime.leftovers() == "");
}

BOOST_AUTO_TEST_CASE(host_namespaces) {
  const int pid = start("one", [](Config& c) {
    auto& options = *security(c).mutable_namespace_options();
    options.set_network(::runtime::v1::NODE);
    options.set_pid(::runtime::v1::NODE);
    options.set_ipc(::runtime::v1::NODE);
  });
  for (const char* shared : {"net", "uts", "pid", "ipc", "user"}) {
    BOOST_TEST(namespace_of(pid, shared) == namespace_of(getpid(), shared));
  }
  BOOST_TEST(namespace_of(pid, "mnt") != namespace_of(getpid(), "mnt"));
  BOOST_TEST(runtime.port().kill("one", SIGTERM).has_value());
  BOOST_TEST(runtime.port().exit_of("one").value().status == 0U);
}

// A user namespace of the pod's own, that also owns its other namespaces.
BOOST_AUTO_TEST_CASE(user_namespace) {
  const int pid = start("one", [](Config& c) {
    use_users(c);
    c.set_hostname("inner");
    (*c.mutable_linux()->mutable_sysctls())["net.ipv4.ip_forward"] = "1";
  });
  for (const char* own : {"user", "mnt", "uts", "ipc", "pid", "net"}) {
    BOOST_TEST(namespace_of(pid, own) != namespace_of(getpid(), own), own);
  }
  const std::string proc = "/proc/" + std::to_string(pid);
  std::istringstream mapping(text_of(proc + "/uid_map"));
  unsigned inner = 1, outer = 0, length = 0;
  mapping >> inner >> outer >> length;
  BOOST_TEST(inner == 0U);
  BOOST_TEST(outer == 200'000U);
  BOOST_TEST(length == 65536U);
  BOOST_TEST(status_line(pid, "Uid").starts_with("265535\t"));
  BOOST_TEST(inside(pid, "-u uname -n") == "inner");
  BOOST_TEST(inside(pid, "-n cat /proc/sys/net/ipv4/ip_forward") == "1");
  // Root of that user namespace may mount proc of the pod's pid namespace: that it owns it, too.
  BOOST_TEST(inside(pid, "-U -n -p -S 0 -G 0 unshare -m mount -t proc proc /proc 2>&1") == "");
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").value().status == 137U);
}

// CRI makes the network of such a pod in the pod's user namespace.
BOOST_AUTO_TEST_CASE(user_namespace_of_a_given_network) {
  const OtherNetwork network(CLONE_NEWUSER | CLONE_NEWNET);
  auto spec = spec_of("one", use_users);
  spec.netns_path = network.path();
  const auto started = runtime.port().start(share(spec));
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  const int pid = static_cast<int>(started->pid);
  BOOST_TEST(namespace_of(pid, "net") == network.name());
  BOOST_TEST(namespace_of(pid, "user") == namespace_of(network.pid(), "user"));

  const OtherNetwork hosts(CLONE_NEWNET);
  auto wrong = spec_of("two", use_users);
  wrong.netns_path = hosts.path();
  expect_refused(runtime.port().start(share(wrong)), ErrorKind::invalid_argument, "netns_path");
}

BOOST_AUTO_TEST_CASE(user_namespace_with_the_hosts_network) {
  const int pid = start("one", [](Config& c) {
    use_users(c);
    security(c).mutable_namespace_options()->set_network(::runtime::v1::NODE);
  });
  BOOST_TEST(namespace_of(pid, "net") == namespace_of(getpid(), "net"));
  BOOST_TEST(namespace_of(pid, "user") != namespace_of(getpid(), "user"));
}

BOOST_AUTO_TEST_CASE(unmapped_user) {
  const auto refused = try_start("one", [](Config& c) {
    use_users(c);
    security(c).mutable_run_as_user()->set_value(70'000);
  });
  expect_refused(refused, ErrorKind::invalid_argument, "becoming its user");
  BOOST_TEST(runtime.leftovers() == "");
}

// As low as it should be, or as the kernel lets us.
BOOST_AUTO_TEST_CASE(oom_score) {
  const auto started = runtime.port().start(runtime.plain("one"));
  BOOST_REQUIRE(started);
  const int score = std::stoi(text_of("/proc/" + std::to_string(started->pid) + "/oom_score_adj"));
  BOOST_TEST((score == -998 || score == host::own_oom_score_adj()));
  BOOST_TEST(nlohmann::json::parse(started->spec.value)["process"]["oomScoreAdj"] == score);
}

// Only what pause needs; the kernel tells by name what the next call would do.
BOOST_AUTO_TEST_CASE(seccomp) {
  const int pid = start("one");
  BOOST_TEST(status_line(pid, "Seccomp") == "2");
  BOOST_TEST(status_line(pid, "Seccomp_filters") == "1");
}

// Not applied, but it has to be there.
BOOST_AUTO_TEST_CASE(seccomp_profiles) {
  const fs::path file = runtime.home().path() / "profile.json";
  const auto try_profile = [&] {
    return try_start("one", [&](Config& c) {
      auto& seccomp = *security(c).mutable_seccomp();
      seccomp.set_profile_type(::runtime::v1::SecurityProfile::Localhost);
      seccomp.set_localhost_ref("localhost/" + file.string());
    });
  };
  expect_refused(try_profile(), ErrorKind::invalid_argument, "profile.json: opening it: No such file");
  std::ofstream(file) << "[]";
  expect_refused(try_profile(), ErrorKind::invalid_argument, "no JSON object");
  std::ofstream(file) << R"({"defaultAction":"SCMP_ACT_ALLOW"})";
  BOOST_TEST(try_profile().has_value());
}

BOOST_AUTO_TEST_CASE(many_at_once_with_everything) {
  constexpr int many = 30;
  std::vector<std::function<Result<Started>()>> starts;
  const auto id = [](int i) { return "pod-" + std::to_string(i); };
  for (int i = 0; i < many; ++i) {
    auto spec = spec_of(id(i), [i](Config& c) {
      if (i % 2 == 0) use_users(c);
      (*c.mutable_linux()->mutable_sysctls())["kernel.shmmni"] = std::to_string(1000 + i);
    });
    starts.push_back(runtime.port().begin<Started>(runtime::Start{share(std::move(spec))}));
  }
  for (const auto& start : starts) {
    const auto started = start();
    BOOST_TEST(started.has_value(), (started ? "" : started.error().message));
  }
  BOOST_TEST(runtime.home().mounts().size() == static_cast<std::size_t>(many));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
