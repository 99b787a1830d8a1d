#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "services/containerd/runtime/descriptor.hpp"
#include "services/containerd/runtime/digest.hpp"

/// Images for tests: their blobs, by digest.
namespace podsandbox::test {

using Json = nlohmann::json;

constexpr const char* oci_index = "application/vnd.oci.image.index.v1+json";
constexpr const char* oci_manifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* oci_config = "application/vnd.oci.image.config.v1+json";
constexpr const char* oci_layer = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr const char* docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* docker_config = "application/vnd.docker.container.image.v1+json";
constexpr const char* docker_layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";

struct BlobStore {
  std::map<std::string, std::string> blobs;

  /// The descriptor of the blob, as JSON.
  Json add(const std::string& media_type, const std::string& text) {
    const auto digest = containerd_runtime::sha256_digest(text);
    blobs[digest] = text;
    return {{"mediaType", media_type}, {"digest", digest}, {"size", text.size()}};
  }
  Json add(const std::string& media_type, const Json& json) { return add(media_type, json.dump()); }
};

inline Json platform_of(const std::string& architecture, const std::string& variant = {}) {
  Json platform{{"os", "linux"}, {"architecture", architecture}};
  if (!variant.empty()) platform["variant"] = variant;
  return platform;
}

inline Json with_platform(Json descriptor, const Json& platform) {
  descriptor["platform"] = platform;
  return descriptor;
}

inline containerd_runtime::Descriptor target_of(const Json& descriptor) {
  return {.media_type = descriptor["mediaType"], .digest = descriptor["digest"], .size = descriptor["size"]};
}

}  // namespace podsandbox::test
