#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include "test/containerd_runtime/walked_image.hpp"

/// All that can be wrong on the way from an image's record to its content.
namespace podsandbox::test {

using containerd_runtime::ImageWalk;
using containerd_runtime::sha256_digest;

BOOST_AUTO_TEST_SUITE(image_damage)

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
