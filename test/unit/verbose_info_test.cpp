#include "services/api/verbose_info.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "proto/cri.pb.h"
#include "proto/runc_options.pb.h"

namespace podsandbox::api {

namespace {

using nlohmann::json;

SandboxSpec make_spec() {
  SandboxSpec spec;
  spec.id = "pod-a";
  spec.config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  spec.runtime_name = "io.containerd.runc.v2";
  return spec;
}

json info_of(SandboxSpec spec, std::optional<Started> started = {}) {
  StatusAnswer answer;
  answer.view.spec = std::make_shared<SandboxSpec>(std::move(spec));
  answer.view.phase = started ? Phase::ready : Phase::created;
  answer.view.started = std::move(started);
  return json::parse(verbose_info(answer));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(verbose)

BOOST_AUTO_TEST_CASE(every_key_is_always_there) {
  const auto info = info_of(make_spec());
  for (const auto* key :
       {"pid", "processStatus", "netNamespaceClosed", "image", "snapshotKey", "snapshotter", "runtimeType",
        "runtimeOptions", "config", "runtimeSpec", "cniResult", "sandboxMetadata"}) {
    BOOST_TEST(info.contains(key), key);
  }
  BOOST_TEST(info.size() == 12U);
  BOOST_TEST(info["processStatus"] == "deleted");
  BOOST_TEST(info["sandboxMetadata"]["Version"] == "v1");
}

BOOST_AUTO_TEST_CASE(options_are_decoded_and_the_spec_is_embedded) {
  auto spec = make_spec();
  ::containerd::runc::v1::Options options;
  options.set_systemd_cgroup(true);
  spec.runtime_options = {"containerd.runc.v1.Options", options.SerializeAsString()};
  Started started;
  started.pid = 42;
  started.spec = {"spec", R"({"hostname":"web"})"};
  const auto info = info_of(spec, started);
  BOOST_TEST(info["runtimeOptions"] == json::parse(R"({"systemd_cgroup":true})"));
  BOOST_TEST(info["runtimeSpec"]["hostname"] == "web");
  BOOST_TEST(info["pid"] == 42);
}

BOOST_AUTO_TEST_CASE(what_a_sandbox_was_made_of_is_told_if_it_was_made_of_something) {
  auto info = info_of(make_spec(), Started{});
  BOOST_TEST(info["image"] == "");
  BOOST_TEST(info["snapshotKey"] == "");
  BOOST_TEST(info["snapshotter"] == "");
  Started started;
  started.image = "registry.example/pause:1";
  started.snapshotter = "overlayfs";
  info = info_of(make_spec(), started);
  BOOST_TEST(info["image"] == "registry.example/pause:1");
  BOOST_TEST(info["snapshotKey"] == "pod-a");
  BOOST_TEST(info["snapshotter"] == "overlayfs");
}

BOOST_AUTO_TEST_CASE(the_clients_metadata_comes_back) {
  auto spec = make_spec();
  const std::string metadata = R"({"Version":"v1","Metadata":{"ID":"pod-a","CNIResult":{"Interfaces":{}}}})";
  spec.extensions["metadata"] = {"github.com/containerd/cri/pkg/store/sandbox/Metadata", metadata};
  const auto info = info_of(spec);
  BOOST_TEST(info["sandboxMetadata"] == json::parse(metadata));
  BOOST_TEST(info["cniResult"] == json::parse(R"({"Interfaces":{}})"));
}

/// Extensions are untrusted bytes: no JSON, JSON of another shape, or nested to overflow a stack.
BOOST_AUTO_TEST_CASE(hostile_metadata_is_replaced) {
  for (const std::string& bytes :
       {std::string("no json"), std::string("[]"), std::string(R"({"Version":2,"Metadata":{}})"),
        std::string(R"({"Version":"v1"})"), std::string(1'000'000, '['),
        R"({"Version":"v1","Metadata":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}"}) {
    auto spec = make_spec();
    spec.extensions["metadata"] = {"x", bytes};
    BOOST_TEST(info_of(spec)["sandboxMetadata"]["Metadata"]["ID"] == "pod-a");
  }
  auto spec = make_spec();
  spec.extensions["metadata"] = {"x", R"({"Version":"v1","Metadata":"text"})"};
  BOOST_TEST(info_of(spec)["cniResult"].is_null());
}

BOOST_AUTO_TEST_CASE(a_netns_that_is_none_is_closed) {
  auto spec = make_spec();
  spec.netns_path = "/does/not/exist";
  BOOST_TEST(info_of(spec)["netNamespaceClosed"] == true);
  spec.netns_path = "/etc/hostname";
  BOOST_TEST(info_of(spec)["netNamespaceClosed"] == true);
  spec.netns_path = "/proc/self/ns/net";
  BOOST_TEST(info_of(spec)["netNamespaceClosed"] == false);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::api
