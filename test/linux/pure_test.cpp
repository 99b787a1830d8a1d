#include <boost/test/unit_test.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "services/host/cgroup.hpp"
#include "services/host/cgroup_path.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/resolv_conf.hpp"
#include "services/host/shim.hpp"
#include "services/host/sysctls.hpp"
#include "services/linux/runtime_spec.hpp"
#include "test/linux/specs.hpp"

namespace podsandbox::test {

using namespace linux_runtime;
using nlohmann::json;

namespace {

Plan plan_for(const SandboxSpec& spec) {
  auto plan = plan_of(spec, {"boot", "the-host", false, 0}, {});
  BOOST_REQUIRE_MESSAGE(plan, plan.error().message);
  return *plan;
}

std::shared_ptr<const ::runtime::v1::PodSandboxConfig> with_cgroup_parent(
    const ::runtime::v1::PodSandboxConfig& config, const std::string& parent) {
  auto changed = std::make_shared<::runtime::v1::PodSandboxConfig>(config);
  changed->mutable_linux()->set_cgroup_parent(parent);
  return changed;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pure)

BOOST_AUTO_TEST_CASE(cgroup_paths) {
  BOOST_TEST(host::clean_cgroup_path("").value() == "");
  BOOST_TEST(host::clean_cgroup_path("/").value() == "");
  BOOST_TEST(host::clean_cgroup_path("kubepods/pod1").value() == "/kubepods/pod1");
  BOOST_TEST(host::clean_cgroup_path("//kubepods/./pod1//").value() == "/kubepods/pod1");
  BOOST_TEST(host::clean_cgroup_path("/a..b/..c/...").value() == "/a..b/..c/...");
  for (const char* bad : {"..", "/..", "a/..", "a/../b"}) BOOST_TEST(!host::clean_cgroup_path(bad));
}

BOOST_AUTO_TEST_CASE(exit_statuses) {
  for (int code = 0; code < 256; ++code)
    BOOST_TEST(host::exit_status(code << 8) == static_cast<std::uint32_t>(code));
  BOOST_TEST(host::exit_status(SIGKILL) == 137U);
  BOOST_TEST(host::exit_status(SIGSEGV | 0x80) == 139U);  // with a core dump
}

// One hierarchy of v1 may be mounted twice, and have blanks in its path; v2 counts only where it is alone.
BOOST_AUTO_TEST_CASE(cgroup_mounts) {
  const std::string v2 = "40 30 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
  const std::string other = "25 30 0:22 / /proc rw - proc proc rw\nnonsense\n";
  BOOST_TEST((host::parse_cgroup_mounts(other + v2) == host::CgroupMounts{true, {"/sys/fs/cgroup"}}));
  const std::string v1 =
      "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
      "32 30 0:28 / /elsewhere rw - cgroup cgroup rw,cpu,cpuacct\n"
      "33 30 0:29 / /sys/fs/my\\040cgroup rw - cgroup none rw,memory\n";
  BOOST_TEST((host::parse_cgroup_mounts(v1 + v2) ==
              host::CgroupMounts{false, {"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/my cgroup"}}));
  BOOST_TEST(host::parse_cgroup_mounts("").paths.empty());
}

// The OCI spec tells what there is: here a pod with everything that shows in it.
BOOST_AUTO_TEST_CASE(runtime_spec_of_a_pod) {
  auto spec = spec_of("box", [](auto& config) {
    config.set_hostname("pod-host");
    config.set_log_directory("/var/log/pods/x");
    config.mutable_linux()->mutable_resources()->set_cpu_shares(102);
  });
  spec.netns_path = "/run/netns/x";
  spec.config = with_cgroup_parent(*spec.config, "/kubepods/pod1");
  const Payload payload = runtime_spec(spec, plan_for(spec), -500);
  BOOST_TEST(payload.type_url == "types.containerd.io/opencontainers/runtime-spec/1/Spec");
  const json oci = json::parse(payload.value);
  BOOST_TEST(oci["hostname"] == "pod-host");
  BOOST_TEST(oci["root"]["readonly"] == true);
  BOOST_TEST(oci["process"]["noNewPrivileges"] == true);
  BOOST_TEST(oci["process"]["args"] == json({"podsandbox-pause", "box"}));
  BOOST_TEST(oci["process"]["capabilities"]["bounding"] == json::array());
  BOOST_TEST(oci["linux"]["namespaces"] ==
             json::parse(R"([{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},
                             {"type":"network","path":"/run/netns/x"}])"));
  BOOST_TEST(oci["process"]["oomScoreAdj"] == -500);
  BOOST_TEST(oci["process"]["user"] == json::parse(R"({"uid":65535,"gid":65535})"));
  BOOST_TEST(oci["linux"]["sysctl"] == json::parse(R"({"net.ipv4.ip_unprivileged_port_start":"0",
                                                       "net.ipv4.ping_group_range":"0 2147483647"})"));
  BOOST_TEST(oci["linux"]["cgroupsPath"] == "/kubepods/pod1/box");
  BOOST_TEST(oci["linux"]["resources"]["cpu"]["shares"] == 2);
  BOOST_TEST(oci["annotations"] == json::parse(R"({
      "io.kubernetes.cri.container-type":"sandbox",
      "io.kubernetes.cri.podsandbox.image-name":"",
      "io.kubernetes.cri.sandbox-cpu-period":"0",
      "io.kubernetes.cri.sandbox-cpu-quota":"0",
      "io.kubernetes.cri.sandbox-cpu-shares":"102",
      "io.kubernetes.cri.sandbox-id":"box",
      "io.kubernetes.cri.sandbox-log-directory":"/var/log/pods/x",
      "io.kubernetes.cri.sandbox-memory":"0",
      "io.kubernetes.cri.sandbox-name":"pod-box",
      "io.kubernetes.cri.sandbox-namespace":"default",
      "io.kubernetes.cri.sandbox-uid":"uid-box"})"));
}

// As runc's systemd driver takes it.
BOOST_AUTO_TEST_CASE(runtime_spec_in_a_slice) {
  const auto spec = spec_of(
      "box", [](auto& config) { config.mutable_linux()->set_cgroup_parent("/a.slice/a-pod1.slice"); });
  const json oci = json::parse(runtime_spec(spec, plan_for(spec), 0).value);
  BOOST_TEST(oci["linux"]["cgroupsPath"] == "a-pod1.slice:cri-containerd:box");
}

// What a sandbox has not is not in its spec.
BOOST_AUTO_TEST_CASE(runtime_spec_of_a_host_network_pod) {
  const auto spec = spec_of("box", [](auto& config) {
    config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(
        ::runtime::v1::NODE);
  });
  const json oci = json::parse(runtime_spec(spec, plan_for(spec), 0).value);
  BOOST_TEST(oci["linux"]["namespaces"] ==
             json::parse(R"([{"type":"pid"},{"type":"ipc"},{"type":"mount"}])"));
  for (const char* absent : {"cgroupsPath", "resources", "sysctl", "uidMappings"})
    BOOST_TEST(!oci["linux"].contains(absent));
  BOOST_TEST(!oci.contains("hostname"));
}

// Bytes that are no UTF-8 still give JSON.
BOOST_AUTO_TEST_CASE(runtime_spec_of_garbage) {
  auto spec = spec_of("box");
  spec.netns_path = "/run/\xff\xfe";
  BOOST_TEST(json::accept(runtime_spec(spec, plan_for(spec), 0).value));
}

BOOST_AUTO_TEST_CASE(sysctl_names) {
  const auto path = [](const char* key) { return host::find_sysctl(key).value().path; };
  BOOST_TEST(path("net.ipv4.ip_forward") == "net/ipv4/ip_forward");
  BOOST_TEST(path("net/ipv4/ip_forward") == "net/ipv4/ip_forward");
  BOOST_TEST(path("net.ipv4.conf.eth0/1.forwarding") == "net/ipv4/conf/eth0.1/forwarding");
  BOOST_TEST(path("net/ipv4/conf/eth0.1/forwarding") == "net/ipv4/conf/eth0.1/forwarding");
  BOOST_TEST((host::find_sysctl("net.core.somaxconn")->scope == host::SysctlScope::network));
  for (const char* key : {"kernel.sem", "kernel.shmmax", "kernel.shm_rmid_forced", "kernel.msgmax",
                          "fs.mqueue.msg_max", "fs/mqueue/msg_max"}) {
    BOOST_TEST((host::find_sysctl(key).value().scope == host::SysctlScope::ipc), key);
  }
  BOOST_TEST((host::find_sysctl("kernel.domainname")->scope == host::SysctlScope::uts));
  for (const char* host :
       {"kernel.panic", "kernel.hostname", "vm.swappiness", "fs.file-max", "kernel.shmmax.x", "kernel.msg",
        "netx.y", "net", "fs.mqueue", "user.max_user_namespaces"}) {
    BOOST_TEST(!host::find_sysctl(host), host);
  }
  for (const char* odd : {"", "net..a", "net.ipv4.", ".net.a", "/net/a", "net/../kernel/panic", "net/./a",
                          "net.ipv4.a b", "net/ipv4/\n", "../net/a", "net.//.//.kernel.panic"}) {
    BOOST_TEST(!host::find_sysctl(odd), odd);
  }
  BOOST_TEST(!host::find_sysctl(std::string("net.a\0b", 7)));
  BOOST_TEST(!host::find_sysctl("net." + std::string(300, 'a')));
}

BOOST_AUTO_TEST_CASE(resolv_confs) {
  ::runtime::v1::DNSConfig dns;
  BOOST_TEST(host::resolv_conf(dns) == "");
  dns.add_servers("10.0.0.10");
  dns.add_servers("fd00::10");
  dns.add_searches("a.svc");
  dns.add_searches("svc");
  dns.add_options("ndots:5");
  dns.add_options("edns0");
  BOOST_TEST(host::resolv_conf(dns) ==
             "search a.svc svc\nnameserver 10.0.0.10\nnameserver fd00::10\noptions ndots:5 edns0\n");
}

BOOST_AUTO_TEST_CASE(sockets_of_shims) {
  const auto sockets = host::shim_sockets("/run/containerd/containerd.sock", "box");
  BOOST_TEST(sockets.task ==
             "/run/containerd/s/b9deee02bbe00cbd42bab5623fee84a45d224b72f0619d5050b2d6d174a3e84b");
  BOOST_TEST(sockets.debug ==
             "/run/containerd/s/e3bd3c78af7250bb10402795bc36ea88add398e7c407f23cc4b940a45bb04c12");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
