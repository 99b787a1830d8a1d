#include "services/api/convert.hpp"

#include <boost/test/unit_test.hpp>

#include "proto/cri.pb.h"

/// What comes from outside is checked, and a refusal names the field.
namespace podsandbox::api {

namespace {

const CriSettings no_handlers;

controller::ControllerCreateRequest good_request() {
  controller::ControllerCreateRequest request;
  request.set_sandbox_id("pod-a");
  ::runtime::v1::PodSandboxConfig config;
  config.set_hostname("web");
  request.mutable_options()->set_type_url("runtime.v1.PodSandboxConfig");
  request.mutable_options()->set_value(config.SerializeAsString());
  request.set_netns_path("/var/run/netns/cni-1");
  request.mutable_sandbox()->set_sandbox_id("pod-a");
  request.mutable_sandbox()->mutable_runtime()->set_name("io.containerd.runc.v2");
  (*request.mutable_sandbox()->mutable_labels())["k"] = "v";
  request.set_sandboxer("podsandboxd");
  return request;
}

void refused(const controller::ControllerCreateRequest& request, ErrorKind kind, const std::string& field) {
  const auto spec = to_spec(request, "k8s.io", no_handlers);
  BOOST_REQUIRE_MESSAGE(!spec, field);
  BOOST_TEST((spec.error().kind == kind));
  BOOST_TEST(spec.error().message.find(field) != std::string::npos, spec.error().message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convert)

BOOST_AUTO_TEST_CASE(a_good_request) {
  const auto spec = to_spec(good_request(), "k8s.io", no_handlers);
  BOOST_REQUIRE(spec);
  BOOST_TEST((*spec)->id == "pod-a");
  BOOST_TEST((*spec)->config->hostname() == "web");
  BOOST_TEST((*spec)->netns_path == "/var/run/netns/cni-1");
  BOOST_TEST((*spec)->runtime_name == "io.containerd.runc.v2");
  BOOST_TEST((*spec)->labels.at("k") == "v");
  BOOST_TEST((*spec)->sandboxer == "podsandboxd");
}

/// Of those who have no record where CRI has its own nobody may think that they should.
BOOST_AUTO_TEST_CASE(only_cri_is_a_sandboxers_client) {
  for (const char* other : {"", "default", "k8s.io2"}) {
    const auto spec = to_spec(good_request(), other, no_handlers);
    BOOST_REQUIRE(spec);
    BOOST_TEST((*spec)->sandboxer == "", other);
  }
}

/// Some clients put a host before a type's name, containerd does not; both ask for the same sandbox.
BOOST_AUTO_TEST_CASE(type_urls_with_and_without_host) {
  auto request = good_request();
  request.mutable_options()->set_type_url("type.googleapis.com/runtime.v1.PodSandboxConfig");
  const auto with = to_spec(request, "k8s.io", no_handlers);
  const auto without = to_spec(good_request(), "k8s.io", no_handlers);
  BOOST_REQUIRE((with && without));
  BOOST_TEST(same_request(**with, **without));
}

controller::ControllerCreateRequest request_for(const std::string& handler) {
  auto request = good_request();
  auto& metadata = (*request.mutable_sandbox()->mutable_extensions())["metadata"];
  metadata.set_value(R"({"Version": "v1", "Metadata": {"RuntimeHandler": ")" + handler + R"("}})");
  return request;
}

/// The configuration says which runtime has the pods of which handler; whoever asks for a sandbox does not.
BOOST_AUTO_TEST_CASE(the_handler_decides_about_the_runtime) {
  CriSettings cri;
  cri.handlers["classic"].runtime = RuntimeKind::containerd;
  const auto runtime_of = [&](const controller::ControllerCreateRequest& request) {
    const auto spec = to_spec(request, "k8s.io", cri);
    BOOST_REQUIRE(spec);
    return (*spec)->runtime;
  };
  BOOST_TEST((runtime_of(request_for("classic")) == RuntimeKind::containerd));
  BOOST_TEST((runtime_of(request_for("other")) == RuntimeKind::linux));
  BOOST_TEST((runtime_of(good_request()) == RuntimeKind::linux));
  auto hostile = good_request();
  for (const std::string text :
       {"", "{", "[]", "{\"Metadata\": []}", "{\"Metadata\": {\"RuntimeHandler\": 1}}"}) {
    (*hostile.mutable_sandbox()->mutable_extensions())["metadata"].set_value(text);
    BOOST_TEST((runtime_of(hostile) == RuntimeKind::linux), text);
  }
  cri.defaults.runtime = RuntimeKind::containerd;
  BOOST_TEST((runtime_of(good_request()) == RuntimeKind::containerd));
  BOOST_TEST((runtime_of(hostile) == RuntimeKind::containerd));
}

/// Between a Create and its repetition the configuration may have changed.
BOOST_AUTO_TEST_CASE(the_runtime_makes_no_other_request) {
  CriSettings cri;
  cri.defaults.runtime = RuntimeKind::containerd;
  const auto one = to_spec(good_request(), "k8s.io", no_handlers);
  const auto other = to_spec(good_request(), "k8s.io", cri);
  BOOST_REQUIRE((one && other));
  BOOST_TEST(((*one)->runtime != (*other)->runtime));
  BOOST_TEST(same_request(**one, **other));
}

/// containerd sends Go's zero time for host network pods; times of the request are not used at all.
BOOST_AUTO_TEST_CASE(year_one_is_tolerated) {
  auto request = good_request();
  request.mutable_sandbox()->mutable_created_at()->set_seconds(-62135596800);
  BOOST_TEST(to_spec(request, "k8s.io", no_handlers).has_value());
}

BOOST_AUTO_TEST_CASE(refusals_name_the_field) {
  auto request = good_request();
  request.set_sandbox_id("../etc");
  refused(request, ErrorKind::invalid_argument, "sandbox_id");
  request = good_request();
  request.mutable_sandbox()->set_sandbox_id("pod-b");
  refused(request, ErrorKind::invalid_argument, "sandbox.sandbox_id");
  request = good_request();
  request.set_netns_path("relative/path");
  refused(request, ErrorKind::invalid_argument, "netns_path");
  request.set_netns_path(std::string("/a\0b", 4));
  refused(request, ErrorKind::invalid_argument, "netns_path");
  request.set_netns_path("/" + std::string(5000, 'x'));
  refused(request, ErrorKind::invalid_argument, "netns_path");
  request = good_request();
  request.set_sandboxer(std::string(256, 'x'));
  refused(request, ErrorKind::invalid_argument, "sandboxer: is longer");
  for (const std::string name : {"a\nb", "a\x7f", "\xc3\xa4"}) {
    request.set_sandboxer(name);
    refused(request, ErrorKind::invalid_argument, "sandboxer: must be printable");
  }
  request = good_request();
  request.clear_options();
  refused(request, ErrorKind::invalid_argument, "options: is missing");
  request = good_request();
  request.mutable_options()->set_type_url("containerd.runc.v1.Options");
  refused(request, ErrorKind::invalid_argument, "options: is a containerd.runc.v1.Options");
  request = good_request();
  request.mutable_options()->set_value("\xff\xff\xff");
  refused(request, ErrorKind::invalid_argument, "options: cannot be parsed");
  request = good_request();
  request.add_rootfs()->set_type("bind");
  refused(request, ErrorKind::unimplemented, "rootfs");
}

BOOST_AUTO_TEST_CASE(what_differs_between_two_requests) {
  const auto spec = *to_spec(good_request(), "k8s.io", no_handlers);
  const auto differs = [&](auto change) {
    auto request = good_request();
    change(request);
    return !same_request(*spec, **to_spec(request, "k8s.io", no_handlers));
  };
  BOOST_TEST(!differs([](auto&) {}));
  BOOST_TEST(differs([](auto& r) { r.set_netns_path("/other"); }));
  BOOST_TEST(differs([](auto& r) { (*r.mutable_annotations())["a"] = "b"; }));
  BOOST_TEST(differs([](auto& r) { r.mutable_sandbox()->mutable_runtime()->set_name("other"); }));
  BOOST_TEST(differs([](auto& r) { (*r.mutable_sandbox()->mutable_extensions())["e"].set_value("x"); }));
  BOOST_TEST(differs([](auto& r) { r.set_sandboxer("other"); }));
}

BOOST_AUTO_TEST_CASE(times_before_and_after_the_epoch) {
  google::protobuf::Timestamp stamp;
  set_time(&stamp, Time(std::chrono::nanoseconds(1'500'000'000)));
  BOOST_TEST((stamp.seconds() == 1 && stamp.nanos() == 500'000'000));
  set_time(&stamp, Time(std::chrono::nanoseconds(-500'000'000)));
  BOOST_TEST((stamp.seconds() == -1 && stamp.nanos() == 500'000'000));
}

BOOST_AUTO_TEST_CASE(only_three_states_on_the_wire) {
  BOOST_TEST(state_name(Phase::ready) == "SANDBOX_READY");
  BOOST_TEST(state_name(Phase::stopping) == "SANDBOX_READY");
  BOOST_TEST(state_name(Phase::notready) == "SANDBOX_NOTREADY");
  for (const auto phase : {Phase::unknown, Phase::created, Phase::starting}) {
    BOOST_TEST(state_name(phase) == "SANDBOX_UNKNOWN");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::api
