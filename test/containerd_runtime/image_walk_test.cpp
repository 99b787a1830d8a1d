#include "services/containerd/runtime/image_walk.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include "services/containerd/runtime/chain_id.hpp"
#include "test/containerd_runtime/walked_image.hpp"

/// From an image's record to its content.
namespace podsandbox::test {

using containerd_runtime::sha256_digest;

BOOST_AUTO_TEST_SUITE(image_walk)

BOOST_AUTO_TEST_CASE(index_manifest_configuration) {
  BlobStore store;
  Parts parts;
  const auto manifest = parts.store(store);
  const auto index =
      store.add(oci_index, Json{{"manifests", {with_platform(manifest, platform_of("amd64"))}}});
  const auto walked = walk(store, index);
  check_content(walked, "one");
  const std::string config_digest = parts.manifest["config"]["digest"];
  BOOST_TEST(walked.read == (Strings{index["digest"], manifest["digest"], config_digest}));
  const auto& content = *walked.content;
  BOOST_TEST(content.config_digest == config_digest);
  BOOST_TEST((content.labels == std::map<std::string, std::string>{{"who", "one"}}));
  const auto chain = containerd_runtime::chain_ids({sha256_digest("diff 1"), sha256_digest("diff 2")});
  BOOST_TEST_REQUIRE(content.layers.size() == 2U);
  BOOST_TEST(content.layers[0].blob.digest == sha256_digest("layer 1"));
  BOOST_TEST(content.layers[0].blob.media_type == oci_layer);
  BOOST_TEST(content.layers[0].blob.size == 11);
  BOOST_TEST(content.layers[0].diff_id == sha256_digest("diff 1"));
  BOOST_TEST(content.layers[0].chain_id == chain[0]);
  BOOST_TEST(content.layers[1].blob.digest == sha256_digest("layer 2"));
  BOOST_TEST(content.layers[1].chain_id == chain[1]);
  BOOST_TEST(content.chain_id() == chain[1]);
}

BOOST_AUTO_TEST_CASE(dockers_media_types) {
  BlobStore store;
  Parts parts;
  parts.manifest.erase("mediaType");
  for (auto& layer : parts.manifest["layers"]) layer["mediaType"] = docker_layer;
  const auto manifest = parts.store(store, docker_manifest, docker_config);
  const auto list =
      store.add(docker_list, Json{{"manifests", {with_platform(manifest, platform_of("amd64"))}}});
  const auto walked = walk(store, list);
  check_content(walked, "one");
  BOOST_TEST(walked.content->layers.size() == 2U);
}

/// Whoever named a manifest itself wanted that one.
BOOST_AUTO_TEST_CASE(a_manifest_that_is_the_target_is_for_every_host) {
  BlobStore store;
  check_content(walk(store, Parts("one", "s390x").store(store)), "one");
}

BOOST_AUTO_TEST_CASE(an_image_without_layers) {
  for (const bool null : {true, false}) {
    BlobStore store;
    Parts parts;
    parts.manifest.erase("layers");
    parts.config.erase("rootfs");
    if (null) parts.manifest["layers"] = nullptr;
    if (null) parts.config["rootfs"] = nullptr;
    if (null) parts.config["config"]["Labels"] = nullptr;
    const auto walked = walk(store, parts.store(store));
    check_content(walked, "one");
    BOOST_TEST(walked.content->chain_id().empty());
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_layer_is_left_out) {
  BlobStore store;
  Parts parts;
  parts.manifest["layers"].push_back(
      {{"mediaType", "application/vnd.in-toto+json"}, {"digest", "x"}, {"size", 1}});
  const auto walked = walk(store, parts.store(store));
  check_content(walked, "one");
  BOOST_TEST(walked.content->layers.size() == 2U);
}

// -- which of an index's manifests -------------------------------------------------

BOOST_AUTO_TEST_CASE(the_best_for_the_host_whatever_the_order) {
  BlobStore store;
  const auto best = with_platform(Parts("best").store(store), platform_of("amd64"));
  const auto second = with_platform(Parts("second").store(store), platform_of("386"));
  const auto useless = with_platform(Parts("useless").store(store), platform_of("arm64"));
  const auto without = Parts("without").store(store);
  std::vector<Json> entries{best, second, useless, without};
  std::sort(entries.begin(), entries.end());
  do {
    check_content(walk_index(store, entries), "best");
  } while (std::next_permutation(entries.begin(), entries.end()));
  check_content(walk_index(store, {useless, without, second}), "second");
  check_content(walk_index(store, {useless, without}), "without");
  check_content(walk_index(store, {best, useless}, {"linux", "arm64", "v8"}), "useless");
}

BOOST_AUTO_TEST_CASE(of_equals_the_first) {
  BlobStore store;
  const auto one = with_platform(Parts("one").store(store), platform_of("amd64"));
  const auto two = with_platform(Parts("two").store(store), platform_of("amd64"));
  check_content(walk_index(store, {one, two}), "one");
  check_content(walk_index(store, {two, one}), "two");
}

BOOST_AUTO_TEST_CASE(nothing_for_this_host) {
  BlobStore store;
  const auto arm = with_platform(Parts("arm").store(store), platform_of("arm64", "v8"));
  const auto unknown =
      with_platform(Parts("unknown").store(store), {{"os", "unknown"}, {"architecture", "unknown"}});
  check_error(walk_index(store, {arm, unknown}), ErrorKind::not_found,
              {"linux/amd64", "only for linux/arm64/v8, unknown/unknown; configure another one"});
  check_error(walk_index(store, {}), ErrorKind::not_found, {"only for nothing"});
  check_error(walk(store, store.add(oci_index, Json::object())), ErrorKind::not_found, {"only for nothing"});
  check_error(walk_index(store, std::vector<Json>(20, arm)), ErrorKind::not_found, {"linux/arm64/v8, ...;"});
}

/// Then its configuration has to say for what it is; there is no second try.
BOOST_AUTO_TEST_CASE(an_entry_without_platform) {
  BlobStore store;
  const auto right = Parts("right").store(store);
  const auto wrong = Parts("wrong", "arm64").store(store);
  check_content(walk_index(store, {right, wrong}), "right");
  check_error(walk_index(store, {wrong, right}), ErrorKind::not_found,
              {"linux/amd64", "only for linux/arm64;"});
  check_content(walk_index(store, {with_platform(wrong, nullptr)}, {"linux", "arm64", ""}), "wrong");
}

/// An entry's word counts, as for containerd.
BOOST_AUTO_TEST_CASE(an_entry_with_platform_is_believed) {
  BlobStore store;
  check_content(walk_index(store, {with_platform(Parts("one", "arm64").store(store), platform_of("amd64"))}),
                "one");
}

BOOST_AUTO_TEST_CASE(indexes_in_indexes) {
  BlobStore store;
  auto entry = with_platform(Parts().store(store), platform_of("amd64"));
  for (int depth = 0; depth < 3; ++depth) entry = store.add(oci_index, Json{{"manifests", {entry}}});
  check_content(walk_index(store, {entry}), "one");
  entry = store.add(oci_index, Json{{"manifests", {entry}}});
  check_damaged(walk_index(store, {entry}), "indexes in indexes");
}

// -- blobs within descriptors -------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_is_within_a_descriptor_is_not_read) {
  for (const auto& [text, data] :
       {std::pair<std::string, std::string>{R"({"os":"linux" })", "eyJvcyI6ImxpbnV4IiB9"},
        {R"({"os":"linux"  })", "eyJvcyI6ImxpbnV4IiAgfQ=="},
        {R"({"os":"linux"   })", "eyJvcyI6ImxpbnV4IiAgIH0="}}) {
    BlobStore store;
    Parts parts;
    parts.manifest["layers"] = Json::array();
    parts.manifest["config"] = store.add(oci_config, text);
    parts.manifest["config"]["data"] = data;
    const auto manifest = parts.store(store);
    const auto walked = walk(store, manifest);
    BOOST_TEST(walked.content.has_value());
    BOOST_TEST(walked.read == Strings{manifest["digest"]});
  }
}

BOOST_AUTO_TEST_CASE(what_within_a_descriptor_is_not_the_blob_is_not_believed) {
  for (const auto* const data : {"", "e30=", "e30", "====", "!!!!", "e\n30"}) {
    BlobStore store;
    Parts parts;
    parts.manifest["config"] = store.add(oci_config, parts.config);
    parts.manifest["config"]["data"] = data;
    const auto walked = walk(store, parts.store(store));
    check_content(walked, "one");
    BOOST_TEST(walked.read.size() == 2U);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
