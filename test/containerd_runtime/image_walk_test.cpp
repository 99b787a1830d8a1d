#include "services/containerd/runtime/image_walk.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include "services/containerd/runtime/chain_id.hpp"
#include "test/containerd_runtime/image_blobs.hpp"

/// From an image's record to its content, and all that can be wrong on the way.
namespace podsandbox::test {

using containerd_runtime::ImageContent;
using containerd_runtime::ImageWalk;
using containerd_runtime::Platform;
using containerd_runtime::sha256_digest;
using Strings = std::vector<std::string>;

namespace {

const Platform amd64{"linux", "amd64", ""};
const std::string image_name = "example.io/pause:1";

/// An image with two layers whose configuration says `name`.
struct Parts {
  explicit Parts(const std::string& name = "one", const std::string& architecture = "amd64") {
    config = {
        {"os", "linux"},
        {"architecture", architecture},
        {"config", {{"Entrypoint", {"/" + name}}, {"Labels", {{"who", name}}}}},
        {"rootfs", {{"type", "layers"}, {"diff_ids", {sha256_digest("diff 1"), sha256_digest("diff 2")}}}}};
    manifest = {{"schemaVersion", 2},
                {"mediaType", oci_manifest},
                {"layers",
                 {{{"mediaType", oci_layer}, {"digest", sha256_digest("layer 1")}, {"size", 11}},
                  {{"mediaType", oci_layer}, {"digest", sha256_digest("layer 2")}, {"size", 22}}}}};
  }

  /// The manifest's descriptor.
  Json store(BlobStore& store, const char* manifest_type = oci_manifest,
             const char* config_type = oci_config) {
    if (!manifest.contains("config")) manifest["config"] = store.add(config_type, config);
    return store.add(manifest_type, manifest);
  }

  Json config;
  Json manifest;
};

struct Walked {
  Result<ImageContent> content = failure(ErrorKind::internal, "not walked");
  Strings read;  // the digests of the blobs
};

Walked walk(const BlobStore& store, const Json& target, const Platform& host = amd64) {
  Walked walked;
  auto steps = ImageWalk::begin(image_name, target_of(target), host);
  if (!steps) {
    walked.content = tl::unexpected(steps.error());
    return walked;
  }
  while (const auto* const wanted = steps->wanted()) {
    walked.read.push_back(wanted->digest);
    const auto blob = store.blobs.at(wanted->digest);
    if (const auto taken = steps->take(blob); !taken) {
      walked.content = tl::unexpected(taken.error());
      return walked;
    }
  }
  walked.content = steps->content();
  return walked;
}

void check_content(const Walked& walked, const std::string& name) {
  BOOST_TEST_REQUIRE(walked.content.has_value(), walked.content.error().message);
  BOOST_TEST(walked.content->config.entrypoint == Strings{"/" + name});
}

void check_error(const Walked& walked, ErrorKind kind, const Strings& parts) {
  BOOST_TEST_REQUIRE(!walked.content.has_value());
  const auto& error = walked.content.error();
  BOOST_TEST(int(error.kind) == int(kind), error.message);
  BOOST_TEST(error.message.find("image " + image_name) == 0U, error.message);
  for (const auto& part : parts) {
    BOOST_TEST(error.message.find(part) != std::string::npos,
               "'" << part << "' is not in: " << error.message);
  }
}

void check_damaged(const Walked& walked, const std::string& what) {
  check_error(walked, ErrorKind::failed_precondition, {what, "; pull it anew, or configure another one"});
}

Walked walk_index(BlobStore& store, const std::vector<Json>& entries, const Platform& host = amd64) {
  return walk(store, store.add(oci_index, Json{{"schemaVersion", 2}, {"manifests", entries}}), host);
}

}  // namespace

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

// -- what can be wrong ---------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_bytes_are_checked) {
  BlobStore store;
  const auto manifest = Parts().store(store);
  const std::string digest = manifest["digest"];
  const auto right = store.blobs[digest];
  for (const auto& bytes : {right + " ", right.substr(1), std::string(), " " + right.substr(1)}) {
    store.blobs[digest] = bytes;
    check_damaged(walk(store, manifest), "its manifest " + digest + " is not what its digest says");
  }
}

BOOST_AUTO_TEST_CASE(sizes_are_bounded) {
  BlobStore store;
  auto manifest = Parts().store(store);
  for (const std::int64_t size : {ImageWalk::largest_blob + 1, std::int64_t{-1}, std::int64_t{1} << 62U}) {
    manifest["size"] = size;
    const auto walked = walk(store, manifest);
    check_damaged(walked, "has " + std::to_string(size) + " bytes");
    BOOST_TEST(walked.read.empty());
  }
  manifest["size"] = ImageWalk::largest_blob;
  BOOST_TEST(walk(store, manifest).read.size() == 1U);
}

BOOST_AUTO_TEST_CASE(digests_of_other_sorts_are_refused) {
  BlobStore store;
  for (const auto* const digest : {"", "sha512:abc", "sha256:abc", "../../etc/passwd", "\n"}) {
    auto manifest = Parts().store(store);
    manifest["digest"] = digest;
    check_damaged(walk(store, manifest), "is no sha256 digest");
  }
}

BOOST_AUTO_TEST_CASE(what_no_container_can_be_made_of) {
  BlobStore store;
  auto target = Parts().store(store);
  target["mediaType"] = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  check_error(walk(store, target), ErrorKind::not_found,
              {"what it refers to", "v1+prettyjws'; configure another"});
  target["mediaType"] = "";
  check_error(walk(store, target), ErrorKind::not_found, {"of the type ''"});
  target["mediaType"] = "evil\n" + std::string(5000, 'x');
  const auto walked = walk(store, target);
  check_error(walked, ErrorKind::not_found, {"evil?xxx", "x...'"});
  BOOST_TEST(walked.content.error().message.size() < 400U);
  check_error(walk(store, Parts().store(store, oci_manifest, "application/vnd.cncf.helm.config.v1+json")),
              ErrorKind::not_found, {"its configuration", "helm"});
  check_error(walk_index(store, {store.add("text/plain", std::string("hello"))}), ErrorKind::not_found,
              {"'text/plain'"});
}

BOOST_AUTO_TEST_CASE(one_sort_is_not_taken_for_the_other) {
  BlobStore store;
  const auto entries = Json::array({Parts().store(store)});
  const auto index_with = [&](const char* key, const Json& value) {
    return walk(store, store.add(oci_index, Json{{"manifests", entries}, {key, value}}));
  };
  const auto manifest_with = [&](const char* key, const Json& value) {
    Parts parts;
    parts.manifest[key] = value;
    return walk(store, parts.store(store));
  };
  for (const Json& value : {Json(), Json::array(), Json::object()}) {
    check_damaged(index_with("config", value), "its index cannot be read: it has config,");
    check_damaged(index_with("layers", value), "it has layers,");
    check_damaged(index_with("fsLayers", value), "obsolete");
    check_damaged(manifest_with("manifests", value), "its manifest cannot be read: it has manifests,");
    check_damaged(manifest_with("fsLayers", value), "obsolete");
  }
  for (const auto* const type : {oci_index, docker_list}) {
    check_damaged(manifest_with("mediaType", type), "of another sort");
    check_content(index_with("mediaType", type), "one");
  }
  for (const auto* const type : {oci_manifest, docker_manifest}) {
    check_damaged(index_with("mediaType", type), "of another sort");
    check_content(manifest_with("mediaType", type), "one");
  }
}

BOOST_AUTO_TEST_CASE(the_layers_are_counted) {
  for (const std::size_t count : {0U, 1U, 3U}) {
    BlobStore store;
    Parts parts;
    parts.config["rootfs"]["diff_ids"] = Json(count, sha256_digest("diff"));
    check_damaged(walk(store, parts.store(store)),
                  "has 2 layers, its configuration " + std::to_string(count));
  }
}

/// Each of the three blobs, with one thing in it that is of the wrong type.
BOOST_AUTO_TEST_CASE(members_of_the_wrong_type) {
  const Json wrong_values{1, true, "text", {1}, {{"a", 1}}, 1.5};
  const auto check_all = [&](const char* path, const std::string& right, const std::string& told,
                             auto walk_with) {
    for (const auto& value : wrong_values) {
      if (value.type_name() == right) continue;
      if (right == "integer" && value.is_number_integer()) continue;
      BOOST_TEST_CONTEXT(path << " is " << value)
      check_damaged(walk_with(Json::json_pointer(path), value), told);
    }
  };
  const auto in_index = [](const Json::json_pointer& path, const Json& value) {
    BlobStore store;
    Json index{{"manifests", {with_platform(Parts().store(store), platform_of("amd64"))}}};
    index[path] = value;
    return walk(store, store.add(oci_index, index));
  };
  const auto in_manifest = [](const Json::json_pointer& path, const Json& value) {
    BlobStore store;
    Parts parts;
    parts.manifest["config"] = store.add(oci_config, parts.config);
    parts.manifest[path] = value;
    return walk(store, parts.store(store));
  };
  const auto in_config = [](const Json::json_pointer& path, const Json& value) {
    BlobStore store;
    Parts parts;
    parts.config[path] = value;
    return walk(store, parts.store(store));
  };
  const std::string index = "its index cannot be read";
  check_all("/manifests", "array", index, in_index);
  check_all("/mediaType", "string", index, in_index);
  check_all("/manifests/0", "object", index, in_index);
  check_all("/manifests/0/mediaType", "string", index, in_index);
  check_all("/manifests/0/digest", "string", index, in_index);
  check_all("/manifests/0/size", "integer", index, in_index);
  check_all("/manifests/0/data", "string", index, in_index);
  check_all("/manifests/0/platform", "object", index, in_index);
  check_all("/manifests/0/platform/os", "string", index, in_index);
  const std::string manifest = "its manifest cannot be read";
  check_all("/config", "object", manifest, in_manifest);
  check_all("/layers", "array", manifest, in_manifest);
  check_all("/layers/1", "object", manifest, in_manifest);
  check_all("/layers/1/digest", "string", manifest, in_manifest);
  const std::string config = "its configuration cannot be read";
  check_all("/os", "string", config, in_config);
  check_all("/config", "object", config, in_config);
  check_all("/config/Labels", "object", config, in_config);
  check_all("/config/Labels/who", "string", config, in_config);
  check_all("/config/Entrypoint", "array", config, in_config);
  check_all("/rootfs", "object", config, in_config);
  check_all("/rootfs/diff_ids", "array", config, in_config);
  check_all("/rootfs/diff_ids/0", "digest", config, in_config);
}

BOOST_AUTO_TEST_CASE(a_manifest_without_configuration) {
  BlobStore store;
  check_damaged(walk(store, store.add(oci_manifest, Json::object())), "it has no config");
}

BOOST_AUTO_TEST_CASE(what_is_no_json) {
  const std::string deep(1U << 20U, '[');
  for (const auto& text : {std::string(), std::string("{"), std::string("[]"), std::string("null"),
                           std::string("{}{}"), std::string("\xff\xfe"), deep, R"({"a":)" + deep,
                           R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}"}) {
    BlobStore store;
    for (const auto* const type : {oci_index, oci_manifest}) {
      check_damaged(walk(store, store.add(type, text)), "it is no JSON object");
    }
    Parts parts;
    parts.manifest["config"] = store.add(oci_config, text);
    check_damaged(walk(store, parts.store(store)), "its configuration cannot be read: it is no JSON object");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
