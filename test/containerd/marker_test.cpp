#include "services/containerd/marker.hpp"

#include <boost/test/unit_test.hpp>

#include "test/containerd/views.hpp"

/// The record that makes containerd leave a pod's directories to us.
namespace podsandbox::test {

using containerd_client::Container;
using containerd_client::is_marker;
using containerd_client::make_marker;
using containerd_client::needs_marker;
using containerd_client::owner_of;

namespace {

Labels labels_of(const Container& container) {
  return {container.labels().begin(), container.labels().end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(marker)

BOOST_AUTO_TEST_CASE(it_is_a_record_of_the_sandbox_and_of_nothing_else) {
  const auto record = make_marker(running_sandbox("a"), "/state");
  BOOST_TEST(record.id() == "a");
  BOOST_TEST(record.runtime().name() == "io.containerd.runc.v2");
  BOOST_TEST(record.runtime().options().type_url() == "containerd.runc.v1.Options");
  BOOST_TEST(record.runtime().options().value() == "options");
  BOOST_TEST(record.spec().type_url() == "types.containerd.io/opencontainers/runtime-spec/1/Spec");
  BOOST_TEST(record.spec().value() == "{}");
  BOOST_TEST((labels_of(record) ==
              Labels{{"io.cri-containerd.kind", "sandbox"}, {"podsandboxd.io/marker", "/state"}}));
  // With its metadata CRI would take the pod for one of its own; with `sandbox` set, containerd would look
  // for a shim; the rest would root an image or a snapshot.
  BOOST_TEST(record.extensions().empty());
  BOOST_TEST(record.sandbox() == "");
  BOOST_TEST(record.image() == "");
  BOOST_TEST(record.snapshotter() == "");
  BOOST_TEST(record.snapshot_key() == "");
  BOOST_TEST(is_marker(record));
  BOOST_TEST(owner_of(record) == "/state");
}

BOOST_AUTO_TEST_CASE(options_that_the_sandbox_has_not_are_absent) {
  auto view = running_sandbox("a");
  auto spec = std::make_shared<SandboxSpec>(*view.spec);
  spec->runtime_options = {};
  view.spec = spec;
  BOOST_TEST(!make_marker(view, "o").runtime().has_options());
}

BOOST_AUTO_TEST_CASE(the_pods_labels_are_its_labels_as_far_as_containerd_takes_them) {
  const std::string at_limit(4096 - 5, 'v');
  const auto record = make_marker(running_sandbox("a", {{"app", "web"},
                                                        {"limit", at_limit},
                                                        {"over..", at_limit},
                                                        {"containerd.io/gc.root", "x"},
                                                        {"io.cri-containerd.kind", "container"},
                                                        {"io.cri-containerd.image", "managed"},
                                                        {"containerd.iox", "kept"},
                                                        {"podsandboxd.io/marker", "somebody"}}),
                                  "/state");
  BOOST_TEST((labels_of(record) == Labels{{"app", "web"},
                                          {"limit", at_limit},
                                          {"containerd.iox", "kept"},
                                          {"io.cri-containerd.kind", "sandbox"},
                                          {"podsandboxd.io/marker", "/state"}}));
}

/// Users choose the labels of pods and images, and so those of records that CRI makes: none of these may be
/// taken for a marker, because markers are deleted.
BOOST_AUTO_TEST_CASE(what_others_made_is_no_marker_whatever_its_labels) {
  const auto good = make_marker(running_sandbox("a"), "o");
  auto record = good;
  record.mutable_labels()->erase("podsandboxd.io/marker");
  BOOST_TEST(!is_marker(record));
  record = good;
  (*record.mutable_labels())["io.cri-containerd.kind"] = "container";
  BOOST_TEST(!is_marker(record));
  record = good;
  record.mutable_labels()->erase("io.cri-containerd.kind");
  BOOST_TEST(!is_marker(record));
  record = good;
  record.set_image("registry.k8s.io/pause:3.10");
  BOOST_TEST(!is_marker(record));
  record = good;
  record.set_snapshot_key("a");
  BOOST_TEST(!is_marker(record));
  record = good;
  (*record.mutable_extensions())["io.cri-containerd.sandbox.metadata"];
  BOOST_TEST(!is_marker(record));
}

BOOST_AUTO_TEST_CASE(a_sandbox_needs_one_from_its_start_to_its_removal) {
  auto view = running_sandbox("a");
  for (const auto phase : {Phase::unknown, Phase::ready, Phase::stopping, Phase::notready}) {
    view.phase = phase;
    BOOST_TEST(needs_marker(view));
  }
  view.phase = Phase::gone;
  BOOST_TEST(!needs_marker(view));
  view.phase = Phase::created;
  view.started.reset();
  BOOST_TEST(!needs_marker(view));
}

/// containerd has the record of the pause container itself, under the same id.
BOOST_AUTO_TEST_CASE(a_sandbox_of_the_containerd_runtime_needs_none) {
  auto view = running_sandbox("a");
  BOOST_TEST(needs_marker(view));
  auto spec = std::make_shared<SandboxSpec>(*view.spec);
  spec->runtime = RuntimeKind::containerd;
  view.spec = std::move(spec);
  BOOST_TEST(!needs_marker(view));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
