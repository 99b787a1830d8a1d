#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "services/ctl/pod_config.hpp"
#include "test/unit/why.hpp"

using namespace podsandbox;
using namespace podsandbox::ctl;

namespace {

/// A pod config file for one test.
struct File {
  std::string path = "/tmp/podsandboxctl-test-" + std::to_string(::getpid()) + ".json";
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::filesystem::remove(path); }
};

runtime::v1::PodSandboxConfig good(const PodFlags& flags, const std::string& id = "box") {
  auto config = make_pod_config(flags, id);
  BOOST_TEST_REQUIRE(config.has_value(), why(config));
  return *config;
}

const std::string crictl_example = R"({
  "metadata": {"name": "nginx", "namespace": "web", "attempt": 1, "uid": "hdishd83djaidwnduwk28bcsb"},
  "hostname": "nginx-host",
  "log_directory": "/tmp",
  "dns_config": {"servers": ["10.0.0.10"], "searches": ["cluster.local"]},
  "port_mappings": [{"protocol": 1, "container_port": 53, "host_port": 5353}],
  "labels": {"app": "nginx"},
  "annotations": {"note": "a"},
  "linux": {
    "cgroup_parent": "/kubepods",
    "security_context": {
      "namespace_options": {"network": 2, "pid": "CONTAINER", "ipc": 0},
      "run_as_user": {"value": "1000"},
      "seccomp": {"profile_type": "Unconfined"}
    },
    "sysctls": {"net.ipv4.ip_forward": "1"}
  }
})";

}  // namespace

BOOST_AUTO_TEST_SUITE(ctl_pod_config)

BOOST_AUTO_TEST_CASE(a_file_as_crictl_takes_it) {
  const auto config = parse_pod_config(crictl_example, "pod.json");
  BOOST_TEST_REQUIRE(config.has_value(), why(config));
  BOOST_TEST(config->metadata().name() == "nginx");
  BOOST_TEST(config->metadata().attempt() == 1U);
  BOOST_TEST(config->port_mappings(0).protocol() == runtime::v1::UDP);
  const auto& security = config->linux().security_context();
  BOOST_TEST(security.namespace_options().network() == runtime::v1::NODE);
  BOOST_TEST(security.namespace_options().pid() == runtime::v1::CONTAINER);
  BOOST_TEST(security.run_as_user().value() == 1000);
  BOOST_TEST(security.seccomp().profile_type() == runtime::v1::SecurityProfile::Unconfined);
  BOOST_TEST(config->linux().sysctls().at("net.ipv4.ip_forward") == "1");
}

BOOST_AUTO_TEST_CASE(what_the_cri_does_not_have_is_refused) {
  for (const std::string json :
       {R"({"metadata": {"nmae": "x"}})", R"({"hostnames": "x"})", R"({"hostname": 3)", R"([])", "", "null x",
        R"({"linux": {"security_context": {"namespace_options": {"network": "HOST"}}}})",
        R"({"metadata": {"attempt": -1}})"}) {
    const auto config = parse_pod_config(json, "pod.json");
    BOOST_TEST_REQUIRE(!config.has_value(), json);
    BOOST_TEST(config.error().message.rfind("pod.json: not a PodSandboxConfig: ", 0) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(without_flags_the_pod_is_called_by_its_id) {
  const auto config = good({}, "box");
  BOOST_TEST(config.metadata().name() == "box");
  BOOST_TEST(config.metadata().namespace_() == "default");
  BOOST_TEST(config.metadata().uid() == "box");
  BOOST_TEST(!config.has_linux());
}

BOOST_AUTO_TEST_CASE(every_flag_has_its_field) {
  PodFlags flags;
  flags.name = "web";
  flags.pod_namespace = "prod";
  flags.uid = "u1";
  flags.attempt = 3;
  flags.hostname = "web-0";
  flags.host_network = true;
  flags.labels = {"app=web", "empty=", "eq=a=b"};
  flags.annotations = {"note=x y"};
  flags.cgroup_parent = "/pods";
  const auto config = good(flags);
  BOOST_TEST(config.metadata().name() == "web");
  BOOST_TEST(config.metadata().namespace_() == "prod");
  BOOST_TEST(config.metadata().uid() == "u1");
  BOOST_TEST(config.metadata().attempt() == 3U);
  BOOST_TEST(config.hostname() == "web-0");
  BOOST_TEST(config.linux().security_context().namespace_options().network() == runtime::v1::NODE);
  BOOST_TEST(config.labels().at("app") == "web");
  BOOST_TEST(config.labels().at("empty").empty());
  BOOST_TEST(config.labels().at("eq") == "a=b");
  BOOST_TEST(config.annotations().at("note") == "x y");
  BOOST_TEST(config.linux().cgroup_parent() == "/pods");
}

BOOST_AUTO_TEST_CASE(flags_override_the_file_and_leave_the_rest) {
  const File file(crictl_example);
  PodFlags flags;
  flags.file = file.path;
  flags.name = "other";
  flags.labels = {"app=other", "tier=front"};
  flags.host_network = true;
  const auto config = good(flags);
  BOOST_TEST(config.metadata().name() == "other");
  BOOST_TEST(config.metadata().namespace_() == "web");
  BOOST_TEST(config.labels().at("app") == "other");
  BOOST_TEST(config.labels().at("tier") == "front");
  const auto& security = config.linux().security_context();
  BOOST_TEST(security.namespace_options().network() == runtime::v1::NODE);
  BOOST_TEST(security.namespace_options().pid() == runtime::v1::CONTAINER);
  BOOST_TEST(config.linux().cgroup_parent() == "/kubepods");
}

BOOST_AUTO_TEST_CASE(bad_flags_are_told_by_name) {
  PodFlags flags;
  flags.labels = {"novalue"};
  BOOST_TEST(make_pod_config(flags, "box").error().message == "--label: must be KEY=VALUE, not \"novalue\"");
  flags.labels.clear();
  flags.annotations = {"=x"};
  BOOST_TEST(make_pod_config(flags, "box").error().message == "--annotation: must be KEY=VALUE, not \"=x\"");
  flags.file = "/nonexistent/pod.json";
  BOOST_TEST(make_pod_config(flags, "box").error().message ==
             "/nonexistent/pod.json: cannot be read: No such file or directory");
  const File empty("");
  flags.file = empty.path;
  BOOST_TEST(make_pod_config(flags, "box").error().message == empty.path + ": cannot be read: it is empty");
}

BOOST_AUTO_TEST_CASE(the_request_is_as_containerd_would_send_it) {
  PodFlags flags;
  flags.labels = {"app=web"};
  flags.annotations = {"note=x"};
  flags.netns = "/run/netns/a";
  const auto request = make_create_request(flags, "box");
  BOOST_TEST_REQUIRE(request.has_value(), why(request));
  BOOST_TEST(request->sandbox_id() == "box");
  BOOST_TEST(request->netns_path() == "/run/netns/a");
  BOOST_TEST(request->options().type_url() == "runtime.v1.PodSandboxConfig");
  runtime::v1::PodSandboxConfig config;
  BOOST_TEST_REQUIRE(config.ParseFromString(request->options().value()));
  BOOST_TEST(config.metadata().name() == "box");
  BOOST_TEST(request->annotations().at("note") == "x");
  BOOST_TEST(request->sandbox().sandbox_id() == "box");
  BOOST_TEST(request->sandbox().runtime().name() == "io.containerd.runc.v2");
  BOOST_TEST(request->sandbox().labels().at("app") == "web");
  BOOST_TEST(request->sandbox().created_at().seconds() > 0);
}

BOOST_AUTO_TEST_CASE(new_ids_are_64_hexadecimal_digits_and_differ) {
  const std::string id = new_id();
  BOOST_TEST(id.size() == 64U);
  BOOST_TEST(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  BOOST_TEST(id != new_id());
}

BOOST_AUTO_TEST_SUITE_END()
