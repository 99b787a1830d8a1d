#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "services/containerd/runtime/chain_id.hpp"
#include "test/containerd_runtime/image_node.hpp"

/// Snapshots of an image's layers, and that nothing else stays.
namespace podsandbox::test {

using containerd_runtime::Image;
using containerd_runtime::sha256_digest;
using grpc::Status;
using grpc::StatusCode;

namespace {

const std::string name = "example.io/pause:1";
const std::string gc_label = "containerd.io/gc.ref.snapshot.overlayfs";

std::string packed(const std::string& layer) {
  return sha256_digest("packed " + layer);
}

struct UnpackNode : ImageNode {
  explicit UnpackNode(const std::vector<std::string>& layers = {"a", "b"}) {
    fake.put_image(name, make("pause", layers));
    image = get(name).get().value();
    std::vector<std::string> diff_ids;
    diff_ids.reserve(layers.size());
    for (const auto& layer : layers) diff_ids.push_back(sha256_digest(layer));
    chain = containerd_runtime::chain_ids(diff_ids);
  }

  /// Each layer upon the one below it, and nothing besides.
  void check_unpacked() {
    const auto snapshots = fake.snapshots();
    BOOST_TEST(snapshots.size() == chain.size());
    for (std::size_t n = 0; n < chain.size(); ++n) {
      const auto it = snapshots.find(chain[n]);
      BOOST_TEST_REQUIRE((it != snapshots.end()));
      BOOST_TEST(it->second.committed);
      BOOST_TEST(it->second.parent == (n == 0 ? "" : chain[n - 1]));
    }
    BOOST_TEST(fake.blob_labels(image.content->config_digest)[gc_label] == chain.back());
    BOOST_TEST(fake.leases().empty());
  }

  Image image;
  std::vector<std::string> chain;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(unpack)

BOOST_AUTO_TEST_CASE(each_layer_upon_the_one_below) {
  UnpackNode node(std::vector<std::string>{"a", "b", "c"});
  BOOST_TEST(node.unpack(node.image).get().has_value());
  node.check_unpacked();
  for (const auto* const layer : {"a", "b", "c"}) {
    BOOST_TEST(node.fake.blob_labels(packed(layer))["containerd.io/uncompressed"] == sha256_digest(layer));
  }
  BOOST_TEST(node.fake.patience("Apply")[0] > 550);
  BOOST_TEST(node.fake.patience("Prepare")[0] <= 20);
  BOOST_TEST(node.told("the image " + name + " was unpacked for the snapshotter overlayfs") == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_there_is_not_made_again) {
  UnpackNode node(std::vector<std::string>{"a", "b", "c"});
  node.fake.put_snapshot(node.chain[0], {"", true});
  BOOST_TEST(node.unpack(node.image).get().has_value());
  node.check_unpacked();
  BOOST_TEST(node.fake.count("Apply") == 2U);
  BOOST_TEST(node.unpack(node.image).get().has_value());
  BOOST_TEST(node.fake.count("Apply") == 2U);
  node.check_unpacked();
}

BOOST_AUTO_TEST_CASE(an_image_without_layers_needs_nothing) {
  UnpackNode node(std::vector<std::string>{});
  BOOST_TEST(node.unpack(node.image).get().has_value());
  BOOST_TEST(node.fake.snapshots().empty());
  BOOST_TEST(node.fake.leases().empty());
}

/// Somebody else unpacks the same image: the commit says so.
BOOST_AUTO_TEST_CASE(others_may_be_faster) {
  UnpackNode node;
  node.fake.hold("Commit");
  auto unpacked = node.unpack(node.image);
  node.fake.await("Commit", 1);
  node.fake.put_snapshot(node.chain[0], {"", true});
  node.fake.put_snapshot(node.chain[1], {node.chain[0], true});
  node.fake.let_go("Commit");
  BOOST_TEST(unpacked.get().has_value());
  node.check_unpacked();
  BOOST_TEST(node.fake.count("Apply") == 1U);
}

BOOST_AUTO_TEST_CASE(many_pods_unpack_once) {
  UnpackNode node;
  node.fake.hold("Apply");
  std::vector<Promised<Result<Done>>> pods;
  pods.reserve(10);
  for (int n = 0; n < 10; ++n) pods.push_back(node.unpack(node.image));
  node.fake.await("Apply", 1);
  node.fake.let_go("Apply");
  for (auto& pod : pods) BOOST_TEST(pod.get().has_value());
  node.check_unpacked();
  BOOST_TEST(node.fake.count("Apply") == 2U);
  BOOST_TEST(node.fake.count("Lease") == 1U);
}

// -- what can go wrong -----------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_layer_that_is_not_what_the_image_says) {
  UnpackNode node;
  node.fake.put_layer(packed("b"), sha256_digest("evil"));
  check_failure(node.unpack(node.image).get(), ErrorKind::failed_precondition,
                {"unpacking the image " + name + " for the snapshotter overlayfs", packed("b"),
                 sha256_digest("evil"), sha256_digest("b")});
  BOOST_TEST(node.fake.snapshots().size() == 1U);
  BOOST_TEST(node.fake.snapshots().contains(node.chain[0]));
  BOOST_TEST(node.fake.leases().empty());
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_not_there) {
  UnpackNode node;
  node.fake.remove_blob(packed("a"));
  check_failure(node.unpack(node.image).get(), ErrorKind::failed_precondition,
                {packed("a"), "no such content", "discard_unpacked_layers",
                 "`ctr -n k8s.io images pull " + name + "`"});
  BOOST_TEST(node.fake.snapshots().empty());
  BOOST_TEST(node.fake.leases().empty());
}

BOOST_AUTO_TEST_CASE(a_snapshotter_that_does_not_exist) {
  UnpackNode node;
  check_failure(node.unpack(node.image, "fast").get(), ErrorKind::failed_precondition,
                {"for the snapshotter fast", "no such snapshotter"});
  BOOST_TEST(node.fake.leases().empty());
}

/// Whichever call fails: what was not finished is gone, what was is kept, and the next try succeeds.
BOOST_AUTO_TEST_CASE(every_call_may_fail) {
  for (const auto* const call : {"Lease", "Stat", "Prepare", "Apply", "Commit", "Update"}) {
    BOOST_TEST_CONTEXT(call) {
      UnpackNode node;
      node.fake.answer(call, Status(StatusCode::INTERNAL, "oh dear"));
      check_failure(node.unpack(node.image).get(), ErrorKind::internal, {name, "overlayfs", "oh dear"});
      for (const auto& [key, snapshot] : node.fake.snapshots()) BOOST_TEST(snapshot.committed, key);
      BOOST_TEST(node.fake.leases().empty());
      node.fake.answer(call, Status::OK);
      BOOST_TEST(node.unpack(node.image).get().has_value());
      node.check_unpacked();
    }
  }
}

/// It succeeds all the same; the lease ends by itself, and what is not removed is garbage then.
BOOST_AUTO_TEST_CASE(what_cannot_be_removed_is_containerds) {
  UnpackNode node;
  node.fake.answer("EndLease", Status(StatusCode::INTERNAL, "oh dear"));
  BOOST_TEST(node.unpack(node.image).get().has_value());
  BOOST_TEST(node.fake.leases().size() == 1U);
  BOOST_TEST(node.told("cannot be removed, and ends in an hour: oh dear") == 1U);

  UnpackNode other;
  other.fake.answer("Apply", Status(StatusCode::INTERNAL, "oh dear"));
  other.fake.answer("Remove", Status(StatusCode::INTERNAL, "oh no"));
  check_failure(other.unpack(other.image).get(), ErrorKind::internal, {"oh dear"});
  BOOST_TEST(other.fake.leases().empty());
}

BOOST_AUTO_TEST_CASE(it_may_end_in_the_middle) {
  UnpackNode node;
  node.fake.hold("Apply");
  const auto unpacked = node.unpack(node.image);
  node.fake.await("Apply", 1);
  BOOST_TEST(!unpacked.is_there());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
