#include "test/containerd_runtime/walked_image.hpp"

#include <boost/test/unit_test.hpp>

namespace podsandbox::test {

using containerd_runtime::ImageWalk;
using containerd_runtime::Platform;
using containerd_runtime::sha256_digest;

namespace {

const std::string image_name = "example.io/pause:1";

}  // namespace

Parts::Parts(const std::string& name, const std::string& architecture) {
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

Json Parts::store(BlobStore& store, const char* manifest_type, const char* config_type) {
  if (!manifest.contains("config")) manifest["config"] = store.add(config_type, config);
  return store.add(manifest_type, manifest);
}

Walked walk(const BlobStore& store, const Json& target, const Platform& host) {
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

Walked walk_index(BlobStore& store, const std::vector<Json>& entries, const Platform& host) {
  return walk(store, store.add(oci_index, Json{{"schemaVersion", 2}, {"manifests", entries}}), host);
}

}  // namespace podsandbox::test
