#pragma once

#include <string>
#include <vector>

#include "services/containerd/runtime/image_walk.hpp"
#include "test/containerd_runtime/image_blobs.hpp"

/// Images of some parts, and what comes of the way to their content.
namespace podsandbox::test {

using Strings = std::vector<std::string>;

const containerd_runtime::Platform amd64{"linux", "amd64", ""};

/// An image with two layers whose configuration says `name`.
struct Parts {
  explicit Parts(const std::string& name = "one", const std::string& architecture = "amd64");

  /// The manifest's descriptor.
  Json store(BlobStore& store, const char* manifest_type = oci_manifest,
             const char* config_type = oci_config);

  Json config;
  Json manifest;
};

struct Walked {
  Result<containerd_runtime::ImageContent> content = failure(ErrorKind::internal, "not walked");
  Strings read;  // the digests of the blobs
};

/// From the image whose record has this descriptor.
Walked walk(const BlobStore& store, const Json& target, const containerd_runtime::Platform& host = amd64);
Walked walk_index(BlobStore& store, const std::vector<Json>& entries,
                  const containerd_runtime::Platform& host = amd64);

void check_content(const Walked& walked, const std::string& name);
/// The error's message begins with the image, and has these parts.
void check_error(const Walked& walked, ErrorKind kind, const Strings& parts);
void check_damaged(const Walked& walked, const std::string& what);

}  // namespace podsandbox::test
