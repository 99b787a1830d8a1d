#include "services/containerd/runtime/container.hpp"

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "proto/cri.pb.h"

namespace podsandbox::test {

namespace {

using namespace containerd_runtime;

const std::string owner = "/run/podsandboxd (containerd)";

struct Pod {
  Pod() : config(std::make_shared<::runtime::v1::PodSandboxConfig>()) {
    config->mutable_metadata()->set_name("pod");
    (*config->mutable_labels())["app"] = "web";
    spec.id = "box";
    spec.config = config;
    spec.runtime = RuntimeKind::containerd;
    spec.runtime_name = "io.containerd.runc.v2";
    spec.runtime_options = {"containerd.runc.v1.Options", "options"};
  }

  Container container(const ContainerParts& parts) const { return make_container(spec, owner, parts); }

  std::shared_ptr<::runtime::v1::PodSandboxConfig> config;
  SandboxSpec spec;
};

ContainerParts parts() {
  return {"pause:1", {{"app", "pause"}, {"maintainer", "us"}}, "overlayfs", {"spec type", "{}"}, ""};
}

std::string label(const Container& container, const std::string& key) {
  const auto it = container.labels().find(key);
  return it == container.labels().end() ? "-" : it->second;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(container)

// As the record of a pause container is, but for the extension by which CRI would take it for its own.
BOOST_AUTO_TEST_CASE(record) {
  const auto made = Pod().container(parts());
  BOOST_TEST(made.id() == "box");
  BOOST_TEST(made.image() == "pause:1");
  BOOST_TEST(made.snapshotter() == "overlayfs");
  BOOST_TEST(made.snapshot_key() == "box");
  BOOST_TEST(made.sandbox() == "");
  BOOST_TEST(made.runtime().name() == "io.containerd.runc.v2");
  BOOST_TEST(made.runtime().options().type_url() == "containerd.runc.v1.Options");
  BOOST_TEST(made.runtime().options().value() == "options");
  BOOST_TEST(made.spec().value() == "{}");
  BOOST_TEST(label(made, "io.cri-containerd.kind") == "sandbox");
  BOOST_TEST(!made.extensions().contains("io.cri-containerd.sandbox.metadata"));
}

// The pod's labels win over the image's; nobody's get what containerd, CRI or we know things by.
BOOST_AUTO_TEST_CASE(labels) {
  Pod pod;
  auto& labels = *pod.config->mutable_labels();
  labels["containerd.io/gc.root"] = "now";
  labels["io.cri-containerd.kind"] = "container";
  labels["podsandboxd.io/owner"] = "me";
  labels["long"] = std::string(4096, 'x');
  const auto made = pod.container(parts());
  BOOST_TEST(label(made, "app") == "web");
  BOOST_TEST(label(made, "maintainer") == "us");
  BOOST_TEST(label(made, "containerd.io/gc.root") == "-");
  BOOST_TEST(label(made, "io.cri-containerd.kind") == "sandbox");
  BOOST_TEST(label(made, "podsandboxd.io/owner") == owner);
  BOOST_TEST(label(made, "long") == "-");
}

// Ours is what has our label and our extension: a user can choose labels, but no extension.
BOOST_AUTO_TEST_CASE(whose) {
  auto made = Pod().container(parts());
  BOOST_TEST(is_ours(made, owner));
  BOOST_TEST(!is_ours(made, "/run/other (containerd)"));
  made.clear_extensions();
  BOOST_TEST(!is_ours(made, owner));
}

// From the record alone a sandbox can be rebuilt; not from one that does not make sense.
BOOST_AUTO_TEST_CASE(what_was_asked) {
  const Pod pod;
  auto made = pod.container(parts());
  const auto asked = sandbox_of(made);
  BOOST_REQUIRE(asked);
  BOOST_TEST(same_request(**asked, pod.spec));
  BOOST_TEST(((*asked)->runtime == RuntimeKind::containerd));
  made.set_id("other");
  BOOST_TEST((sandbox_of(made).error().kind == ErrorKind::not_found));
  made.set_id("box");
  for (auto& [key, extension] : *made.mutable_extensions()) extension.set_value("\xff");
  BOOST_TEST((sandbox_of(made).error().kind == ErrorKind::not_found));
}

// What a Start answers.
BOOST_AUTO_TEST_CASE(started) {
  auto with_label = parts();
  with_label.selinux_label = "system_u:system_r:container_t:s0:c1,c2";
  auto made = Pod().container(with_label);
  made.mutable_created_at()->set_seconds(1'000'000'000);
  const auto told = describe(made);
  BOOST_TEST((told.created_at == Time(std::chrono::seconds(1'000'000'000))));
  BOOST_TEST(told.labels.at("app") == "web");
  BOOST_TEST(told.labels.at("oci_runtime_type") == "io.containerd.runc.v2");
  BOOST_TEST(told.labels.at("selinux_label") == with_label.selinux_label);
  BOOST_TEST(!told.labels.contains("podsandboxd.io/owner"));
  BOOST_TEST(told.spec.value == "{}");
  BOOST_TEST(describe(Pod().container(parts())).labels.at("selinux_label") == "");
}

// Annotations for snapshotters, and whose it is.
BOOST_AUTO_TEST_CASE(snapshots) {
  Pod pod;
  auto& annotations = *pod.config->mutable_annotations();
  annotations["containerd.io/snapshot/x"] = "1";
  annotations["containerd.io/snapshot.ref"] = "2";
  annotations["containerd.io/gc.root"] = "3";
  annotations["other"] = "4";
  const Labels expected{{"containerd.io/snapshot/x", "1"},
                        {"containerd.io/snapshot.ref", "2"},
                        {"podsandboxd.io/owner", owner}};
  BOOST_TEST((snapshot_labels(pod.spec, owner) == expected));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
