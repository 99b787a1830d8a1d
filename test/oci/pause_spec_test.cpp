#include <boost/test/unit_test.hpp>

#include "test/oci/pods.hpp"

namespace podsandbox::test {

using nlohmann::json;

namespace {

json mount(const Pod& pod, const std::string& destination) {
  const json spec = pod.spec();
  for (const json& one : spec["mounts"]) {
    if (one["destination"] == destination) return one;
  }
  return nullptr;
}

std::string namespaces_text(const Pod& pod) {
  std::string all;
  const json spec = pod.spec();
  for (const json& one : spec["linux"]["namespaces"]) {
    all += (all.empty() ? "" : " ") + one["type"].get<std::string>();
    if (one.contains("path")) all += "=" + one["path"].get<std::string>();
  }
  return all;
}

Pod on_host_network(const std::function<void(Config&)>& change = [](Config&) {}) {
  Pod pod([&](Config& c) {
    namespaces(c).set_network(cri::NODE);
    change(c);
  });
  pod.sandbox.netns_path.clear();
  return pod;
}

std::string cgroup_of(const std::string& parent) {
  return Pod([&](Config& c) { c.mutable_linux()->set_cgroup_parent(parent); }).spec()["linux"]["cgroupsPath"];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pause_spec)

BOOST_AUTO_TEST_CASE(namespace_modes) {
  BOOST_TEST(namespaces_text(Pod()) == "pid ipc uts mount network=/run/netns/cni-1");
  Pod own;
  own.sandbox.netns_path.clear();
  BOOST_TEST(namespaces_text(own) == "pid ipc uts mount network");
  BOOST_TEST(namespaces_text(on_host_network()) == "pid ipc mount");
  BOOST_TEST(namespaces_text(Pod([](Config& c) { namespaces(c).set_pid(cri::CONTAINER); })) ==
             "pid ipc uts mount network=/run/netns/cni-1");
  BOOST_TEST(namespaces_text(Pod([](Config& c) { namespaces(c).set_pid(cri::NODE); })) ==
             "ipc uts mount network=/run/netns/cni-1");
  BOOST_TEST(namespaces_text(Pod([](Config& c) { namespaces(c).set_ipc(cri::NODE); })) ==
             "pid uts mount network=/run/netns/cni-1");
  BOOST_TEST(namespaces_text(Pod([](Config& c) {
               namespaces(c).mutable_userns_options()->set_mode(cri::NODE);
             })) == "pid ipc uts mount network=/run/netns/cni-1");
}

BOOST_AUTO_TEST_CASE(user_namespaces) {
  const auto mapped = [](Config& c) {
    map_users(c, 100000, 65536);
    namespaces(c).mutable_userns_options()->mutable_gids(0)->set_host_id(200000);
  };
  const Pod pod(mapped);
  BOOST_TEST(namespaces_text(pod) ==
             "pid ipc uts mount network=/run/netns/cni-1 "
             "user=/state-dir/sandboxes/box/pinned-namespaces/user");
  const json part = pod.spec()["linux"];
  BOOST_TEST(part["uidMappings"] == json::parse(R"([{"containerID": 0, "hostID": 100000, "size": 65536}])"));
  BOOST_TEST(part["gidMappings"] == json::parse(R"([{"containerID": 0, "hostID": 200000, "size": 65536}])"));
  BOOST_TEST(!Pod().spec()["linux"].contains("uidMappings"));
  // Without a network namespace of CRI's there is no user namespace to be pinned.
  Pod own(mapped);
  own.sandbox.netns_path.clear();
  BOOST_TEST(namespaces_text(own) == "pid ipc uts mount network user");
  const Pod hosts = on_host_network(mapped);
  BOOST_TEST(namespaces_text(hosts) == "pid ipc mount user");
  BOOST_TEST(hosts.spec()["mounts"].back() == mount(hosts, "/sys"));
  BOOST_TEST(mount(hosts, "/sys") == json::parse(R"({"destination": "/sys", "type": "bind", "source": "/sys",
                 "options": ["rbind", "rro", "nosuid", "nodev", "noexec"]})"));
}

BOOST_AUTO_TEST_CASE(hostnames) {
  BOOST_TEST(!Pod().spec().contains("hostname"));
  const std::string longest(64, 'h');
  BOOST_TEST(Pod([&](Config& c) { c.set_hostname(longest); }).spec()["hostname"] == longest);
  // runc takes none with the host's UTS namespace, not even the host's own.
  const Pod hosts = on_host_network([](Config& c) { c.set_hostname("the-host"); });
  BOOST_TEST(!hosts.spec().contains("hostname"));
}

BOOST_AUTO_TEST_CASE(cgroups) {
  BOOST_TEST(Pod().spec()["linux"]["cgroupsPath"] == "/k8s.io/box");
  BOOST_TEST(cgroup_of("/kubepods/pod1") == "/kubepods/pod1/box");
  BOOST_TEST(cgroup_of("//kubepods/./pod1/") == "/kubepods/pod1/box");
  BOOST_TEST(cgroup_of("kubepods") == "kubepods/box");
  BOOST_TEST(cgroup_of("/") == "/box");
  BOOST_TEST(cgroup_of(".") == "box");
  BOOST_TEST(cgroup_of("/a..b/...") == "/a..b/.../box");
  BOOST_TEST(cgroup_of("/kubepods.slice/kubepods-pod1.slice") == "kubepods-pod1.slice:cri-containerd:box");
  BOOST_TEST(cgroup_of("kubepods-pod1.slice/") == "kubepods-pod1.slice:cri-containerd:box");
  BOOST_TEST(cgroup_of("-.slice") == "-.slice:cri-containerd:box");
  BOOST_TEST(cgroup_of("/a.slice/b") == "/a.slice/b/box");
}

BOOST_AUTO_TEST_CASE(mounts) {
  BOOST_TEST(mount(Pod(), "/dev/shm")["source"] == "/state-dir/sandboxes/box/shm");
  BOOST_TEST(mount(Pod([](Config& c) { namespaces(c).set_ipc(cri::NODE); }), "/dev/shm")["source"] ==
             "/dev/shm");
  BOOST_TEST(mount(Pod(), "/etc/resolv.conf")["source"] == "/root-dir/sandboxes/box/resolv.conf");
  BOOST_TEST(mount(Pod(), "/sys")["options"].back() == "ro");
}

// Only this, and no seccomp profile: the pod's privileged containers get all the rest.
BOOST_AUTO_TEST_CASE(privileged) {
  const auto plain = [](Config& c) { set_seccomp(c, cri::SecurityProfile::RuntimeDefault); };
  const Pod pod([&](Config& c) {
    plain(c);
    security(c).set_privileged(true);
  });
  BOOST_TEST(mount(pod, "/sys")["options"].back() == "rw");
  json expected = Pod(plain).spec();
  expected["linux"].erase("seccomp");
  for (json& one : expected["mounts"]) {
    if (one["destination"] == "/sys") one["options"].back() = "rw";
  }
  BOOST_TEST(pod.spec() == expected);
}

// Fields of a config that say nothing about the pause container.
BOOST_AUTO_TEST_CASE(without_effect) {
  const Pod pod([](Config& c) {
    security(c).set_readonly_rootfs(true);
    security(c).mutable_apparmor()->set_profile_type(cri::SecurityProfile::Localhost);
    security(c).set_supplemental_groups_policy(cri::Strict);
    namespaces(c).set_target_id("another");
    c.mutable_linux()->mutable_overhead()->set_cpu_shares(7);
    c.mutable_dns_config()->add_servers("1.1.1.1");
    c.add_port_mappings()->set_host_port(80);
    (*c.mutable_labels())["a"] = "b";
    (*c.mutable_annotations())["a"] = "b";
    c.mutable_windows();
  });
  BOOST_TEST(pod.spec() == Pod().spec());
}

BOOST_AUTO_TEST_CASE(sysctls) {
  const auto of = [](const Pod& pod) { return pod.spec()["linux"].value("sysctl", json(nullptr)); };
  const auto both = json::parse(
      R"({"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"})");
  BOOST_TEST(of(Pod()) == both);
  BOOST_TEST(of(on_host_network()) == nullptr);
  const json ports = json::parse(R"({"net.ipv4.ip_unprivileged_port_start": "0"})");
  BOOST_TEST(of(Pod([](Config& c) { map_users(c, 100000, 65536); })) == ports);
  Pod nested;
  nested.host.in_user_namespace = true;
  BOOST_TEST(of(nested) == ports);
  Pod none;
  none.settings.handler.enable_unprivileged_ports = none.settings.handler.enable_unprivileged_icmp = false;
  BOOST_TEST(of(none) == nullptr);
  const Pod given([](Config& c) {
    set_sysctl(c, "net/ipv4/ip_unprivileged_port_start", "80");
    set_sysctl(c, "net.ipv4.ping_group_range", "1 0");
    set_sysctl(c, "kernel.shmmax", "5");
  });
  BOOST_TEST(of(given) == json::parse(R"({"net/ipv4/ip_unprivileged_port_start": "80",
                 "net.ipv4.ping_group_range": "1 0", "kernel.shmmax": "5"})"));
  // It is the spec that has them, not the pod's config.
  BOOST_TEST(given.sandbox.config->linux().sysctls_size() == 3);
}

BOOST_AUTO_TEST_CASE(oom_scores) {
  const auto score = [](bool restricted, int own) {
    Pod pod;
    pod.settings.handler.restrict_oom_score_adj = restricted;
    pod.host.oom_score_adj = own;
    return pod.spec()["process"]["oomScoreAdj"].get<int>();
  };
  BOOST_TEST(score(false, 100) == -998);
  BOOST_TEST(score(true, 100) == 100);
  BOOST_TEST(score(true, -999) == -998);
}

BOOST_AUTO_TEST_CASE(annotations) {
  const auto of = [](const Pod& pod) { return pod.spec()["annotations"]; };
  Pod pod([](Config& c) {
    for (const char* key : {"a.example/x", "a.example/x/y", "b.example/1", "b.example/23", "other",
                            "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri.sandbox-name"}) {
      (*c.mutable_annotations())[key] = "the pod's";
    }
  });
  pod.settings.handler.pod_annotations = {"a.example/*", "b.example/?", "io.kubernetes.cri.*", "[", ""};
  json expected = of(Pod());
  expected["a.example/x"] = expected["b.example/1"] = "the pod's";
  BOOST_TEST(of(pod) == expected);
  BOOST_TEST(of(Pod()).size() == 7U);

  const json limits = of(Pod([](Config& c) {
    auto& resources = *c.mutable_linux()->mutable_resources();
    resources.set_cpu_period(100000);
    resources.set_cpu_quota(-1);
    resources.set_memory_limit_in_bytes(1LL << 40);
  }));
  BOOST_TEST(limits["io.kubernetes.cri.sandbox-cpu-period"] == "100000");
  BOOST_TEST(limits["io.kubernetes.cri.sandbox-cpu-quota"] == "-1");
  BOOST_TEST(limits["io.kubernetes.cri.sandbox-cpu-shares"] == "0");
  BOOST_TEST(limits["io.kubernetes.cri.sandbox-memory"] == "1099511627776");
}

// Commands and environments are the image's.
BOOST_AUTO_TEST_CASE(images) {
  Pod pod;
  pod.image.entrypoint = {"/pause", "-v"};
  pod.image.cmd = {"a b", ""};
  pod.image.env = {"A=1", "B", "A=2", "C="};
  pod.image.working_dir = "/tmp";
  const json process = pod.spec()["process"];
  BOOST_TEST(process["args"] == json::parse(R"(["/pause", "-v", "a b", ""])"));
  BOOST_TEST(process["env"] == json::parse(R"(["A=1", "A=2", "C="])"));
  BOOST_TEST(process["cwd"] == "/tmp");
  pod.image.entrypoint.clear();
  BOOST_TEST(pod.spec()["process"]["args"] == json::parse(R"(["a b", ""])"));
  BOOST_TEST(!Pod().spec()["process"].contains("env"));
}

// What no client can send over gRPC, but a journal might hold.
BOOST_AUTO_TEST_CASE(payloads) {
  const Pod pod([](Config& c) { c.mutable_metadata()->set_uid("\xff\x01\"\n\u2028"); });
  const Payload payload = oci::payload_of(pod.spec());
  BOOST_TEST(payload.type_url == "types.containerd.io/opencontainers/runtime-spec/1/Spec");
  const json read = json::parse(payload.value);
  BOOST_TEST(read["annotations"]["io.kubernetes.cri.sandbox-uid"] == "\ufffd\x01\"\n\u2028");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
