#include "services/linux/check_supported.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <vector>

#include "test/linux/specs.hpp"

namespace podsandbox::test {

namespace {

using Config = ::runtime::v1::PodSandboxConfig;
namespace cri = ::runtime::v1;

std::optional<Error> check(const std::function<void(Config&)>& change, const std::string& netns = {}) {
  SandboxSpec spec = spec_of("box", change);
  spec.netns_path = netns;
  return linux_runtime::check_supported(spec, "the-host");
}

cri::LinuxSandboxSecurityContext& security(Config& config) {
  return *config.mutable_linux()->mutable_security_context();
}

cri::NamespaceOption& namespaces(Config& config) {
  return *security(config).mutable_namespace_options();
}

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
      BOOST_TEST(error->message.find("sandbox box") != std::string::npos);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(check_supported)

// What the runtime cannot honour is refused by the name of the field, never ignored.
BOOST_AUTO_TEST_CASE(unimplemented) {
  const std::string context = "config.linux.security_context.";
  const std::string options = context + "namespace_options.";
  expect(
      ErrorKind::unimplemented,
      {{options + "pid", [](Config& c) { namespaces(c).set_pid(cri::NODE); }},
       {options + "pid", [](Config& c) { namespaces(c).set_pid(cri::TARGET); }},
       {options + "ipc", [](Config& c) { namespaces(c).set_ipc(cri::NODE); }},
       {options + "ipc", [](Config& c) { namespaces(c).set_ipc(cri::CONTAINER); }},
       {options + "ipc", [](Config& c) { namespaces(c).set_ipc(cri::TARGET); }},
       {options + "network", [](Config& c) { namespaces(c).set_network(cri::CONTAINER); }},
       {options + "network", [](Config& c) { namespaces(c).set_network(cri::TARGET); }},
       {options + "userns_options.mode",
        [](Config& c) { namespaces(c).mutable_userns_options()->set_mode(cri::POD); }},
       {context + "selinux_options",
        [](Config& c) { security(c).mutable_selinux_options()->set_level("s0"); }},
       {context + "run_as_user", [](Config& c) { security(c).mutable_run_as_user()->set_value(0); }},
       {context + "run_as_group", [](Config& c) { security(c).mutable_run_as_group()->set_value(1); }},
       {context + "supplemental_groups", [](Config& c) { security(c).add_supplemental_groups(5); }},
       {context + "privileged", [](Config& c) { security(c).set_privileged(true); }},
       {context + "seccomp", [](Config& c) { security(c).mutable_seccomp(); }},
       {context + "apparmor",
        [](Config& c) { security(c).mutable_apparmor()->set_profile_type(cri::SecurityProfile::Localhost); }},
       {"config.linux.sysctls", [](Config& c) { (*c.mutable_linux()->mutable_sysctls())["a"] = "b"; }},
       {"config.dns_config", [](Config& c) { c.mutable_dns_config()->add_servers("10.0.0.1"); }},
       {"config.dns_config", [](Config& c) { c.mutable_dns_config()->add_options("ndots:5"); }},
       {"config.linux.cgroup_parent",
        [](Config& c) { c.mutable_linux()->set_cgroup_parent("/a/pod1.slice"); }}});
}

// What makes no sense.
BOOST_AUTO_TEST_CASE(invalid) {
  expect(
      ErrorKind::invalid_argument,
      {{"config.hostname", [](Config& c) { c.set_hostname(std::string(65, 'h')); }},
       {"config.hostname", [](Config& c) { c.set_hostname(std::string("a\0b", 3)); }},
       {"config.hostname", [](Config& c) { c.set_hostname("a/b"); }},
       {"config.hostname",
        [](Config& c) {
          namespaces(c).set_network(cri::NODE);
          c.set_hostname("other");
        }},
       {"config.linux.cgroup_parent", [](Config& c) { c.mutable_linux()->set_cgroup_parent("a/../../b"); }},
       {"config.linux.cgroup_parent", [](Config& c) { c.mutable_linux()->set_cgroup_parent("../b.slice"); }},
       {"config.linux.cgroup_parent",
        [](Config& c) { c.mutable_linux()->set_cgroup_parent(std::string("a\0b", 3)); }},
       {"config.linux.security_context.namespace_options.userns_options", [](Config& c) {
          auto& userns = *namespaces(c).mutable_userns_options();
          userns.set_mode(cri::NODE);
          userns.add_uids()->set_length(1);
        }}});
  BOOST_TEST((check([](Config& c) { namespaces(c).set_network(cri::NODE); }, "/run/netns/x")->kind ==
              ErrorKind::invalid_argument));
  BOOST_TEST((check({}, std::string("a\0b", 3))->kind == ErrorKind::invalid_argument));
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
    (*c.mutable_labels())["a"] = "b";
    (*c.mutable_annotations())["a"] = "b";
    c.mutable_windows();
    c.mutable_linux()->set_cgroup_parent("/kubepods/pod1");
    c.mutable_linux()->mutable_overhead()->set_cpu_shares(1);
    c.mutable_linux()->mutable_resources()->set_cpu_shares(1);
    c.mutable_dns_config();
    namespaces(c).set_pid(cri::CONTAINER);
    namespaces(c).mutable_userns_options()->set_mode(cri::NODE);
    security(c).set_readonly_rootfs(true);
    security(c).mutable_selinux_options();
    security(c).mutable_seccomp()->set_profile_type(cri::SecurityProfile::Unconfined);
    security(c).mutable_apparmor()->set_profile_type(cri::SecurityProfile::Unconfined);
  });
  fine([](Config& c) {
    namespaces(c).set_network(cri::NODE);
    c.set_hostname("the-host");
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
