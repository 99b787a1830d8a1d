#include <boost/test/unit_test.hpp>

#include "test/oci/pods.hpp"

namespace podsandbox::test {

namespace {

const std::string context = "config.linux.security_context.";
const std::string options = context + "namespace_options.";

struct Refusal {
  std::string field;
  std::function<void(Config&)> change;
};

void expect(const std::vector<Refusal>& refusals) {
  for (std::size_t i = 0; i < refusals.size(); ++i) {
    const std::string wrong = not_refused(Pod(refusals[i].change), refusals[i].field);
    BOOST_TEST(wrong.empty(), refusals[i].field << ", case " << i << ": " << wrong);
  }
}

Refusal sysctl(
    const std::string& key, const std::string& value,
    const std::function<void(Config&)>& more = [](Config&) {}) {
  return {"config.linux.sysctls", [=](Config& c) {
            set_sysctl(c, key, value);
            more(c);
          }};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(refusals)

BOOST_AUTO_TEST_CASE(modes) {
  expect({{options + "network", [](Config& c) { namespaces(c).set_network(cri::CONTAINER); }},
          {options + "network", [](Config& c) { namespaces(c).set_network(cri::TARGET); }},
          {options + "network",
           [](Config& c) { namespaces(c).set_network(static_cast<cri::NamespaceMode>(9)); }},
          {options + "pid", [](Config& c) { namespaces(c).set_pid(cri::TARGET); }},
          {options + "pid", [](Config& c) { namespaces(c).set_pid(static_cast<cri::NamespaceMode>(-1)); }},
          {options + "ipc", [](Config& c) { namespaces(c).set_ipc(cri::CONTAINER); }},
          {options + "ipc", [](Config& c) { namespaces(c).set_ipc(cri::TARGET); }}});
}

BOOST_AUTO_TEST_CASE(user_namespaces) {
  using Change = std::function<void(Config&, cri::UserNamespace&)>;
  const std::vector<Change> bad{
      [](Config&, auto& u) { u.set_mode(cri::CONTAINER); },
      [](Config&, auto& u) { u.set_mode(cri::TARGET); },
      [](Config&, auto& u) { u.set_mode(cri::NODE); },
      [](Config&, auto& u) { u.clear_uids(); },
      [](Config&, auto& u) { u.clear_gids(); },
      [](Config&, auto& u) { u.add_gids()->set_length(1); },
      [](Config&, auto& u) { u.mutable_uids(0)->set_length(0); },
      [](Config&, auto& u) { u.mutable_gids(0)->set_length(0xffffffff); },
      [](Config&, auto& u) { u.mutable_uids(0)->set_container_id(5); },
      [](Config& c, auto&) { namespaces(c).set_pid(cri::NODE); },
      [](Config& c, auto&) { namespaces(c).set_ipc(cri::NODE); },
      // What the pod's users would be, and is not mapped.
      [](Config&, auto& u) { u.mutable_uids(0)->set_length(65535); },
      [](Config&, auto& u) { u.mutable_gids(0)->set_length(65535); },
      [](Config& c, auto&) { security(c).mutable_run_as_user()->set_value(65536); },
      [](Config& c, auto&) { security(c).add_supplemental_groups(65536); },
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    const Pod pod([&](Config& c) {
      map_users(c, 100000, 65536);
      bad[i](c, *namespaces(c).mutable_userns_options());
    });
    const std::string wrong = not_refused(pod, options + "userns_options");
    BOOST_TEST(wrong.empty(), "case " << i << ": " << wrong);
  }
}

BOOST_AUTO_TEST_CASE(name_servers) {
  expect(
      {{"config.dns_config",
        [](Config& c) { c.mutable_dns_config()->add_servers("1.1.1.1\nnameserver 6.6.6.6"); }},
       {"config.dns_config", [](Config& c) { c.mutable_dns_config()->add_searches("a\tb"); }},
       {"config.dns_config", [](Config& c) { c.mutable_dns_config()->add_options(std::string("a\0", 2)); }}});
}

BOOST_AUTO_TEST_CASE(paths_and_names) {
  const auto hosts = [](Config& c) { namespaces(c).set_network(cri::NODE); };
  for (const std::string& path : {std::string("/a\0b", 4), std::string("netns/a")}) {
    Pod pod;
    pod.sandbox.netns_path = path;
    BOOST_TEST(not_refused(pod, "netns_path") == "");
  }
  BOOST_TEST(not_refused(Pod(hosts), "netns_path") == "");
  Pod renamed([&](Config& c) {
    hosts(c);
    c.set_hostname("not-the-hosts");
  });
  renamed.sandbox.netns_path.clear();
  BOOST_TEST(not_refused(renamed, "config.hostname") == "");
  expect({{"config.hostname", [](Config& c) { c.set_hostname(std::string(65, 'h')); }},
          {"config.hostname", [](Config& c) { c.set_hostname(std::string("a\0b", 3)); }},
          {"config.hostname", [](Config& c) { c.set_hostname("a\nb"); }},
          {"config.hostname", [](Config& c) { c.set_hostname("a/b"); }}});
  std::vector<Refusal> parents;
  for (const std::string& parent :
       {std::string("a/../../b"), std::string("../b.slice"), std::string("a\0b", 3), std::string("a:b:c"),
        std::string("/a:b.slice"), std::string(".slice"), std::string("-a.slice"), std::string("a--b.slice"),
        std::string("a-.slice"), std::string("a b.slice"), std::string(250, 'a') + ".slice"}) {
    parents.push_back({"config.linux.cgroup_parent",
                       [parent](Config& c) { c.mutable_linux()->set_cgroup_parent(parent); }});
  }
  expect(parents);
}

BOOST_AUTO_TEST_CASE(sysctls) {
  const auto host_ipc = [](Config& c) { namespaces(c).set_ipc(cri::NODE); };
  expect({sysctl("vm.swappiness", "0"), sysctl("kernel.hostname", "x"), sysctl("net/../kernel/panic", "1"),
          sysctl("net.ipv4.ip_forward", std::string("1\0", 2)), sysctl("net.a", std::string(20'000, 'x')),
          sysctl("", "1"), sysctl("net.a b", "1"), sysctl(std::string(300, 'n'), "1"),
          sysctl("kernel.shmmax", "1", host_ipc), sysctl("fs.mqueue.msg_max", "1", host_ipc)});
  for (const char* key : {"net.ipv4.ip_forward", "kernel.domainname"}) {
    Pod pod([&](Config& c) {
      namespaces(c).set_network(cri::NODE);
      set_sysctl(c, key, "1");
    });
    pod.sandbox.netns_path.clear();
    BOOST_TEST(not_refused(pod, "config.linux.sysctls") == "");
  }
}

BOOST_AUTO_TEST_CASE(users) {
  const auto user = [](std::int64_t id) {
    return [id](Config& c) { security(c).mutable_run_as_user()->set_value(id); };
  };
  expect(
      {{context + "run_as_user", user(-1)},
       {context + "run_as_user", user(1LL << 31)},
       {context + "run_as_user", user(std::numeric_limits<std::int64_t>::min())},
       {context + "run_as_group", [](Config& c) { security(c).mutable_run_as_group()->set_value(1); }},
       {context + "run_as_group",
        [&](Config& c) {
          user(1)(c);
          security(c).mutable_run_as_group()->set_value(1LL << 32);
        }},
       {context + "supplemental_groups", [](Config& c) { security(c).add_supplemental_groups(-5); }},
       {context + "supplemental_groups", [](Config& c) { security(c).add_supplemental_groups(1LL << 31); }},
       {context + "supplemental_groups", [](Config& c) {
          for (int i = 0; i < 4097; ++i) security(c).add_supplemental_groups(i);
        }}});
}

BOOST_AUTO_TEST_CASE(seccomp) {
  const std::string field = context + "seccomp";
  expect({{field, [](Config& c) { set_seccomp(c, 7); }},
          {field, [](Config& c) { set_seccomp(c, cri::SecurityProfile::Unconfined, "/a"); }},
          {field, [](Config& c) { set_seccomp(c, cri::SecurityProfile::RuntimeDefault, "/a"); }},
          {field, [](Config& c) { set_seccomp(c, cri::SecurityProfile::Localhost); }},
          {field, [](Config& c) { set_seccomp(c, cri::SecurityProfile::Localhost, "localhost/"); }},
          {field, [](Config& c) { set_seccomp(c, cri::SecurityProfile::Localhost, "a.json"); }},
          {field, [](Config& c) { set_seccomp(c, cri::SecurityProfile::Localhost, std::string("/a\0", 3)); }},
          {field, [](Config& c) { set_seccomp(c, cri::SecurityProfile::Localhost, "/empty.json"); }},
          {field + "_profile_path", [](Config& c) { set_legacy_seccomp(c, "nonsense"); }},
          {field + "_profile_path", [](Config& c) { set_legacy_seccomp(c, "localhost/a.json"); }}});
  for (const auto type : {cri::SecurityProfile::RuntimeDefault, cri::SecurityProfile::Localhost}) {
    Pod pod([&](Config& c) {
      set_seccomp(c, type, type == cri::SecurityProfile::Localhost ? "/profile.json" : "");
    });
    pod.host.seccomp = false;
    BOOST_TEST(not_refused(pod, field) == "");
  }
}

// What is wrong on the node is no client's fault.
BOOST_AUTO_TEST_CASE(of_the_node) {
  const auto expect_precondition = [](const Pod& pod, const std::string& names) {
    const auto choices = pod.choose();
    const auto made = pod.build();
    BOOST_TEST_REQUIRE(!made.has_value());
    BOOST_TEST((made.error().kind == ErrorKind::failed_precondition));
    BOOST_TEST(made.error().message.find(names) != std::string::npos, made.error().message);
  };
  for (const char* setting : {"nonsense", "localhost/a"}) {
    Pod pod;
    pod.settings.handler.unset_seccomp_profile = setting;
    expect_precondition(pod, "unset_seccomp_profile");
  }
  Pod without_command;
  without_command.image.entrypoint.clear();
  expect_precondition(without_command, "example.org/pause:1, Entrypoint and Cmd");
  Pod relative;
  relative.image.working_dir = "tmp";
  expect_precondition(relative, "WorkingDir");
  for (const std::string& user :
       {std::string("a:b:c"), std::string(":"), std::string("a:"), std::string(":a"),
        std::string("2147483648"), std::string("1:99999999999999999999"), std::string("nobody"),
        std::string("1:nobody"), std::string("-1"), std::string("a\nb"), std::string("a\0", 2)}) {
    Pod pod;
    pod.image.user = user;
    expect_precondition(pod, "User");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
