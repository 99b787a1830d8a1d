#include "services/linux/plan.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <vector>

#include "test/linux/specs.hpp"

namespace podsandbox::test {

namespace {

using Config = ::runtime::v1::PodSandboxConfig;
namespace cri = ::runtime::v1;

using linux_runtime::HostFacts;
using linux_runtime::Network;
using linux_runtime::Plan;

HostFacts host() {
  return {"boot", "the-host", false, 100};
}

Result<Plan> plan(const std::function<void(Config&)>& change, const std::string& netns = {},
                  const CriSettings& settings = {}, const HostFacts& facts = host()) {
  SandboxSpec spec = spec_of("box", change);
  spec.netns_path = netns;
  return linux_runtime::plan_of(spec, facts, settings);
}

std::optional<Error> check(const std::function<void(Config&)>& change, const std::string& netns = {}) {
  const auto made = plan(change, netns);
  return made ? std::nullopt : std::optional(made.error());
}

cri::LinuxSandboxSecurityContext& security(Config& config) {
  return *config.mutable_linux()->mutable_security_context();
}

cri::NamespaceOption& namespaces(Config& config) {
  return *security(config).mutable_namespace_options();
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // clients still send it
void set_legacy_seccomp(Config& config, const std::string& profile) {
  security(config).set_seccomp_profile_path(profile);
}
#pragma GCC diagnostic pop

struct Case {
  std::string field;
  std::function<void(Config&)> change;
};

void expect(ErrorKind kind, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto error = check(c.change);
    BOOST_TEST_CONTEXT(c.field) {
      BOOST_TEST_REQUIRE(error.has_value());
      BOOST_TEST((error->kind == kind));
      BOOST_TEST(error->message.starts_with(c.field + ": "));
    }
  }
}

void map_users(Config& config, std::uint32_t first, std::uint32_t length) {
  auto& userns = *namespaces(config).mutable_userns_options();
  userns.set_mode(cri::POD);
  for (auto* mapping : {userns.add_uids(), userns.add_gids()}) {
    mapping->set_host_id(first);
    mapping->set_length(length);
  }
}

void set_sysctl(Config& config, const std::string& key, const std::string& value) {
  (*config.mutable_linux()->mutable_sysctls())[key] = value;
}

std::string value_of(const Plan& plan, const std::string& key) {
  for (const auto& sysctl : plan.sysctls) {
    if (sysctl.key == key) return sysctl.value;
  }
  return "(not set)";
}

const std::string context = "config.linux.security_context.";
const std::string options = context + "namespace_options.";

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_test)

// What makes no sense is refused by the name of the field.
BOOST_AUTO_TEST_CASE(invalid_namespaces) {
  expect(ErrorKind::invalid_argument,
         {{options + "pid", [](Config& c) { namespaces(c).set_pid(cri::TARGET); }},
          {options + "ipc", [](Config& c) { namespaces(c).set_ipc(cri::CONTAINER); }},
          {options + "ipc", [](Config& c) { namespaces(c).set_ipc(cri::TARGET); }},
          {options + "network", [](Config& c) { namespaces(c).set_network(cri::CONTAINER); }},
          {options + "network", [](Config& c) { namespaces(c).set_network(cri::TARGET); }}});
  const auto userns = [](auto change) {
    return [change](Config& c) {
      map_users(c, 100000, 65536);
      change(c, *namespaces(c).mutable_userns_options());
    };
  };
  using Userns = cri::UserNamespace;
  const std::vector<std::function<void(Config&)>> bad{
      userns([](Config&, Userns& u) { u.set_mode(cri::CONTAINER); }),
      userns([](Config&, Userns& u) { u.set_mode(cri::TARGET); }),
      userns([](Config&, Userns& u) { u.set_mode(cri::NODE); }),
      userns([](Config&, Userns& u) { u.clear_uids(); }),
      userns([](Config&, Userns& u) { u.clear_gids(); }),
      userns([](Config&, Userns& u) { u.add_gids()->set_length(1); }),
      userns([](Config&, Userns& u) { u.mutable_uids(0)->set_length(0); }),
      userns([](Config&, Userns& u) { u.mutable_gids(0)->set_length(0xffffffff); }),
      userns([](Config&, Userns& u) { u.mutable_uids(0)->set_container_id(5); }),
      userns([](Config& c, Userns&) { namespaces(c).set_pid(cri::NODE); }),
      userns([](Config& c, Userns&) { namespaces(c).set_ipc(cri::NODE); }),
  };
  for (const auto& change : bad) expect(ErrorKind::invalid_argument, {{options + "userns_options", change}});
  BOOST_TEST((check([](Config& c) { namespaces(c).set_network(cri::NODE); }, "/run/netns/x")->kind ==
              ErrorKind::invalid_argument));
  BOOST_TEST((check({}, std::string("a\0b", 3))->kind == ErrorKind::invalid_argument));
}

BOOST_AUTO_TEST_CASE(invalid_texts) {
  expect(
      ErrorKind::invalid_argument,
      {{"config.hostname", [](Config& c) { c.set_hostname(std::string(65, 'h')); }},
       {"config.hostname", [](Config& c) { c.set_hostname(std::string("a\0b", 3)); }},
       {"config.hostname", [](Config& c) { c.set_hostname("a\nb"); }},
       {"config.hostname", [](Config& c) { c.set_hostname("a/b"); }},
       {"config.hostname",
        [](Config& c) {
          namespaces(c).set_network(cri::NODE);
          c.set_hostname("other");
        }},
       {"config.dns_config",
        [](Config& c) { c.mutable_dns_config()->add_servers("1.1.1.1\nnameserver 6.6.6.6"); }},
       {"config.dns_config", [](Config& c) { c.mutable_dns_config()->add_options(std::string("a\0", 2)); }},
       {"config.dns_config", [](Config& c) { c.mutable_dns_config()->add_searches("a\tb"); }},
       {"config.linux.cgroup_parent", [](Config& c) { c.mutable_linux()->set_cgroup_parent("a/../../b"); }},
       {"config.linux.cgroup_parent", [](Config& c) { c.mutable_linux()->set_cgroup_parent("../b.slice"); }},
       {"config.linux.cgroup_parent",
        [](Config& c) { c.mutable_linux()->set_cgroup_parent(std::string("a\0b", 3)); }}});
}

BOOST_AUTO_TEST_CASE(invalid_users) {
  const auto profile = [](Config& c, int type, const char* file) {
    auto& seccomp = *security(c).mutable_seccomp();
    seccomp.set_profile_type(static_cast<cri::SecurityProfile::ProfileType>(type));
    seccomp.set_localhost_ref(file);
  };
  expect(
      ErrorKind::invalid_argument,
      {{context + "run_as_user", [](Config& c) { security(c).mutable_run_as_user()->set_value(-1); }},
       {context + "run_as_user", [](Config& c) { security(c).mutable_run_as_user()->set_value(1LL << 31); }},
       {context + "run_as_group", [](Config& c) { security(c).mutable_run_as_group()->set_value(1); }},
       {context + "run_as_group",
        [](Config& c) {
          security(c).mutable_run_as_user()->set_value(1);
          security(c).mutable_run_as_group()->set_value(-1);
        }},
       {context + "supplemental_groups", [](Config& c) { security(c).add_supplemental_groups(-5); }},
       {context + "supplemental_groups",
        [](Config& c) {
          for (int i = 0; i < 4097; ++i) security(c).add_supplemental_groups(i);
        }},
       {context + "selinux_options.level",
        [](Config& c) { security(c).mutable_selinux_options()->set_level("s0:c1,c2,"); }},
       {context + "selinux_options.level",
        [](Config& c) { security(c).mutable_selinux_options()->set_level(std::string(100'000, 's')); }},
       {context + "seccomp", [&](Config& c) { profile(c, 7, ""); }},
       {context + "seccomp", [&](Config& c) { profile(c, cri::SecurityProfile::Unconfined, "/a"); }},
       {context + "seccomp_profile_path", [](Config& c) { set_legacy_seccomp(c, "nonsense"); }}});
}

BOOST_AUTO_TEST_CASE(invalid_sysctls) {
  const auto sysctl = [](const std::string& key, const std::string& value,
                         const std::function<void(Config&)>& more = {}) {
    return Case{"config.linux.sysctls", [=](Config& c) {
                  set_sysctl(c, key, value);
                  if (more) more(c);
                }};
  };
  expect(ErrorKind::invalid_argument,
         {sysctl("vm.swappiness", "0"), sysctl("kernel.hostname", "x"), sysctl("net/../kernel/panic", "1"),
          sysctl("net.ipv4.ip_forward", std::string("1\0", 2)), sysctl("net.a", std::string(20'000, 'x')),
          sysctl("net.ipv4.ip_forward", "1", [](Config& c) { namespaces(c).set_network(cri::NODE); }),
          sysctl("kernel.domainname", "d", [](Config& c) { namespaces(c).set_network(cri::NODE); }),
          sysctl("kernel.shmmax", "1", [](Config& c) { namespaces(c).set_ipc(cri::NODE); })});
}

BOOST_AUTO_TEST_CASE(unimplemented) {
  HostFacts enforcing = host();
  enforcing.selinux_enforcing = true;
  const auto refused = plan({}, {}, {}, enforcing);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::unimplemented));
  BOOST_TEST(refused.error().message.find("SELinux") != std::string::npos);
}

// What a pod usually asks for, and what has no effect.
BOOST_AUTO_TEST_CASE(supported) {
  const auto fine = [](const std::function<void(Config&)>& change, const std::string& netns = {}) {
    const auto error = check(change, netns);
    BOOST_TEST(!error, (error ? error->message : ""));
  };
  fine({});
  fine({}, "/run/netns/x");
  fine([](Config& c) {
    c.set_hostname(std::string(64, 'h'));
    c.set_log_directory("/var/log/pods/x");
    c.add_port_mappings()->set_host_port(80);
    for (int i = 0; i < 5000; ++i) (*c.mutable_labels())["label-" + std::to_string(i)] = "\xc3\xbc";
    (*c.mutable_annotations())["a"] = "b";
    c.mutable_windows();
    c.mutable_linux()->set_cgroup_parent("/kubepods/pod1");
    c.mutable_linux()->mutable_overhead()->set_cpu_shares(1);
    c.mutable_linux()->mutable_resources()->set_cpu_shares(1);
    c.mutable_dns_config()->add_options("ndots:5");
    namespaces(c).set_pid(cri::CONTAINER);
    namespaces(c).mutable_userns_options()->set_mode(cri::NODE);
    security(c).set_readonly_rootfs(true);
    security(c).set_privileged(true);
    security(c).mutable_selinux_options()->set_level("s0:c1,c2");
    security(c).mutable_seccomp()->set_profile_type(cri::SecurityProfile::Unconfined);
    security(c).mutable_apparmor()->set_profile_type(cri::SecurityProfile::Localhost);
  });
  for (const char* legacy : {"unconfined", "runtime/default", "docker/default", "localhost/x"}) {
    fine([&](Config& c) { set_legacy_seccomp(c, legacy); });
  }
  fine([](Config& c) {
    namespaces(c).set_network(cri::NODE);
    c.set_hostname("the-host");
  });
}

BOOST_AUTO_TEST_CASE(namespaces_of_a_pod) {
  const Plan usual = plan({}, "/run/netns/x").value();
  BOOST_TEST((usual.network == Network::given));
  BOOST_TEST(usual.netns_path == "/run/netns/x");
  BOOST_TEST(!usual.host_pid);
  BOOST_TEST(!usual.host_ipc);
  BOOST_TEST(!usual.user_namespace);
  BOOST_TEST((plan({}).value().network == Network::own));
  const Plan hosts = plan([](Config& c) {
                       namespaces(c).set_network(cri::NODE);
                       namespaces(c).set_pid(cri::NODE);
                       namespaces(c).set_ipc(cri::NODE);
                     }).value();
  BOOST_TEST((hosts.network == Network::host));
  BOOST_TEST(hosts.host_pid);
  BOOST_TEST(hosts.host_ipc);
  const Plan mapped = plan([](Config& c) { map_users(c, 100000, 65536); }).value();
  BOOST_TEST((mapped.user_namespace->uids == host::IdRange{0, 100000, 65536}));
}

BOOST_AUTO_TEST_CASE(selinux_levels) {
  const auto refused = [](const char* level) {
    return check([&](Config& c) { security(c).mutable_selinux_options()->set_level(level); }).has_value();
  };
  for (const char* good : {"", "s0", "s0-s1", "s0:c1", "s0:c1,c2", "s0-s0:c0.c1023", "s1:c1.c2,c3,c4.c5"}) {
    BOOST_TEST(!refused(good), good);
  }
  for (const char* bad : {"s", "s10", "c1", "s0-", "s0-s", "s0:", "s0:c", "s0:c12345", "s0:c1.", "s0:c1,",
                          "s0 ", "s0:c1;c2", "s0:c1.c2.c3", "S0"}) {
    BOOST_TEST(refused(bad), bad);
  }
}

// Nobody, unless somebody is named; in a user namespace that has no nobody, its root.
BOOST_AUTO_TEST_CASE(users) {
  BOOST_TEST(plan({}).value().uid == 65535U);
  BOOST_TEST(plan({}).value().gid == 65535U);
  BOOST_TEST(plan([](Config& c) { map_users(c, 100000, 65536); }).value().uid == 65535U);
  BOOST_TEST(plan([](Config& c) { map_users(c, 100000, 65535); }).value().uid == 0U);
  const Plan named = plan([](Config& c) {
                       security(c).mutable_run_as_user()->set_value(1000);
                       for (const int group : {7, 5, 7}) security(c).add_supplemental_groups(group);
                     }).value();
  BOOST_TEST(named.uid == 1000U);
  BOOST_TEST(named.gid == 0U);
  BOOST_TEST((named.groups == std::vector<std::uint32_t>{5, 7}));
  const Plan grouped = plan([](Config& c) {
                         security(c).mutable_run_as_user()->set_value(1000);
                         security(c).mutable_run_as_group()->set_value(2000);
                       }).value();
  BOOST_TEST(grouped.gid == 2000U);
}

// CRI's two defaults, where they apply, unless the pod or the handler says otherwise.
BOOST_AUTO_TEST_CASE(default_sysctls) {
  const char* ports = "net.ipv4.ip_unprivileged_port_start";
  const char* ping = "net.ipv4.ping_group_range";
  BOOST_TEST(value_of(plan({}).value(), ports) == "0");
  BOOST_TEST(value_of(plan({}).value(), ping) == "0 2147483647");
  BOOST_TEST(plan([](Config& c) { namespaces(c).set_network(cri::NODE); }).value().sysctls.empty());
  const Plan mapped = plan([](Config& c) { map_users(c, 100000, 65536); }).value();
  BOOST_TEST(value_of(mapped, ports) == "0");
  BOOST_TEST(value_of(mapped, ping) == "(not set)");
  const Plan given = plan([&](Config& c) {
                       set_sysctl(c, "net/ipv4/ip_unprivileged_port_start", "80");
                       set_sysctl(c, "kernel.shmmax", "5");
                     }).value();
  BOOST_TEST(value_of(given, "net/ipv4/ip_unprivileged_port_start") == "80");
  BOOST_TEST(value_of(given, ports) == "(not set)");
  BOOST_TEST(value_of(given, "kernel.shmmax") == "5");
  CriSettings none;
  none.defaults.enable_unprivileged_ports = none.defaults.enable_unprivileged_icmp = false;
  BOOST_TEST(plan({}, {}, none).value().sysctls.empty());
}

BOOST_AUTO_TEST_CASE(cgroups_and_oom) {
  const Plan in_one =
      plan([](Config& c) { c.mutable_linux()->set_cgroup_parent("kubepods/./pod1/"); }).value();
  BOOST_TEST(in_one.cgroup_parent == "/kubepods/pod1");
  BOOST_TEST(in_one.cgroup == "/kubepods/pod1/box");
  BOOST_TEST(plan({}).value().cgroup == "");
  const Plan in_slice = plan([](Config& c) { c.mutable_linux()->set_cgroup_parent("/x/a-b.slice"); }).value();
  BOOST_TEST(in_slice.cgroup_parent == "/a.slice/a-b.slice");
  BOOST_TEST(in_slice.cgroup == "/a.slice/a-b.slice/cri-containerd-box.scope");
  BOOST_TEST(in_slice.cgroups_path == "a-b.slice:cri-containerd:box");
  BOOST_TEST(plan({}).value().oom_score_adj == -998);
  CriSettings restricted;
  restricted.defaults.restrict_oom_score_adj = true;
  BOOST_TEST(plan({}, {}, restricted).value().oom_score_adj == 100);
  HostFacts lower = host();
  lower.oom_score_adj = -999;
  BOOST_TEST(plan({}, {}, restricted, lower).value().oom_score_adj == -998);
}

// Each handler has its own settings; who asks comes in the metadata, which may be anything.
BOOST_AUTO_TEST_CASE(handlers) {
  CriSettings settings;
  settings.handlers["strict"].restrict_oom_score_adj = true;
  SandboxSpec spec = spec_of("box");
  const auto score = [&](const std::string& metadata) {
    spec.extensions["metadata"] = {"github.com/containerd/cri/pkg/store/sandbox/Metadata", metadata};
    return linux_runtime::plan_of(spec, host(), settings).value().oom_score_adj;
  };
  BOOST_TEST(score(R"({"Version":"v1","Metadata":{"RuntimeHandler":"strict"}})") == 100);
  BOOST_TEST(score(R"({"Version":"v1","Metadata":{"RuntimeHandler":"other"}})") == -998);
  const std::string deep(100'000, '[');
  for (const std::string& odd :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), deep,
        std::string(R"({"Metadata":5})"), std::string(R"({"Metadata":{"RuntimeHandler":5}})")}) {
    BOOST_TEST(score(odd) == -998);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
