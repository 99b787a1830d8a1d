#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "proto/cri.pb.h"
#include "test/integration/daemon_process.hpp"

/// What some releases of containerd ask or expect and others do not; tests with a real one see only its own.
namespace podsandbox::test {

namespace {

using nlohmann::json;

const std::string metadata_type = "github.com/containerd/cri/pkg/store/sandbox/Metadata";
const std::string metadata =
    R"({"Version":"v1","Metadata":{"ID":"pod-a","Name":"a_ns_uid_0","RuntimeHandler":"h",)"
    R"("CNIResult":{"Interfaces":null}}})";

/// As CRI sends it, with its own description of the pod.
controller::ControllerCreateRequest cri_request() {
  auto request = create_request("pod-a");
  ::runtime::v1::PodSandboxConfig config;
  BOOST_REQUIRE(request.options().UnpackTo(&config) || config.ParseFromString(request.options().value()));
  (*config.mutable_labels())["app"] = "web";
  (*config.mutable_labels())["too-long"] = std::string(5000, 'x');
  request.mutable_options()->set_value(config.SerializeAsString());
  auto& sandbox = *request.mutable_sandbox();
  sandbox.mutable_runtime()->set_name("io.containerd.runc.v2");
  (*sandbox.mutable_labels())["name"] = "a_ns_uid_0";
  auto& extension = (*sandbox.mutable_extensions())["metadata"];
  extension.set_type_url(metadata_type);
  extension.set_value(metadata);
  return request;
}

struct Pod {
  Pod() {
    grpc::ClientContext context;
    controller::ControllerCreateResponse response;
    BOOST_REQUIRE(stub->Create(&context, cri_request(), &response).ok());
  }

  controller::ControllerStartResponse started() const {
    grpc::ClientContext context;
    controller::ControllerStartRequest request;
    request.set_sandbox_id("pod-a");
    controller::ControllerStartResponse response;
    BOOST_REQUIRE(stub->Start(&context, request, &response).ok());
    return response;
  }

  json info() const {
    grpc::ClientContext context;
    controller::ControllerStatusRequest request;
    request.set_sandbox_id("pod-a");
    request.set_verbose(true);
    controller::ControllerStatusResponse response;
    BOOST_REQUIRE(stub->Status(&context, request, &response).ok());
    return json::parse(response.info().at("info"));
  }

  DaemonProcess daemon;
  std::unique_ptr<controller::Controller::Stub> stub = daemon.controller();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(releases, Pod)

/// Since 2.3 they replace those of CRI's record, which takes none that is longer than 4096 bytes.
BOOST_AUTO_TEST_CASE(labels_and_spec_of_start) {
  const auto response = started();
  const auto& labels = response.labels();
  BOOST_TEST(labels.at("app") == "web");
  BOOST_TEST(labels.at("io.cri-containerd.kind") == "sandbox");
  BOOST_TEST(labels.at("oci_runtime_type") == "io.containerd.runc.v2");
  BOOST_TEST(labels.at("selinux_label") == "");
  BOOST_TEST(!labels.contains("too-long"));
  const auto spec = json::parse(response.spec().value());
  BOOST_TEST(spec["annotations"]["io.kubernetes.cri.sandbox-id"] == "pod-a");
  BOOST_TEST(!spec["linux"]["namespaces"].empty());
}

/// Since 2.3 UpdatePodSandboxResources ends in an Update of the extensions; CRI's own one is still there.
BOOST_AUTO_TEST_CASE(update_of_the_extensions) {
  started();
  grpc::ClientContext context;
  controller::ControllerUpdateRequest request;
  request.set_sandbox_id("pod-a");
  request.add_fields("extensions");
  auto& extension = (*request.mutable_sandbox()->mutable_extensions())["updated-resources"];
  extension.set_type_url("io.containerd.cri.v1/UpdatedResources");
  extension.set_value(R"({"Overhead":null,"Resources":{"cpu_shares":512}})");
  controller::ControllerUpdateResponse response;
  BOOST_TEST(stub->Update(&context, request, &response).ok());
  BOOST_TEST(info()["sandboxMetadata"] == json::parse(metadata));
}

/// Since 2.3 every status is read back into a struct of Go: the types have to be right, in each phase.
BOOST_AUTO_TEST_CASE(types_of_the_verbose_status) {
  const auto check = [this](const char* phase) {
    BOOST_TEST_CONTEXT(phase) {
      const auto all = info();
      BOOST_TEST(all["pid"].is_number_unsigned());
      for (const char* text : {"processStatus", "image", "snapshotKey", "snapshotter", "runtimeType"}) {
        BOOST_TEST(all[text].is_string(), text);
      }
      BOOST_TEST(all["netNamespaceClosed"].is_boolean());
      BOOST_TEST(all["config"].is_object());
      BOOST_TEST((all["runtimeSpec"].is_object() || all["runtimeSpec"].is_null()));
      BOOST_TEST(all["sandboxMetadata"]["Version"] == "v1");
    }
  };
  check("created");
  started();
  check("ready");
  BOOST_TEST(stop(*stub, "pod-a").ok());
  check("not ready");
}

/// Before 2.2.6 nothing is sent after a late failure of RunPodSandbox; later ones send Shutdown without Stop.
BOOST_AUTO_TEST_CASE(shutdown_without_stop) {
  const auto pid = started().pid();
  BOOST_TEST(shutdown(*stub, "pod-a").ok());
  BOOST_TEST(::kill(static_cast<pid_t>(pid), 0) != 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
