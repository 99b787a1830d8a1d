#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/error.hpp"
#include "services/containerd/runtime/descriptor.hpp"
#include "services/containerd/runtime/image_blob.hpp"
#include "services/containerd/runtime/image_platform.hpp"
#include "services/oci/inputs.hpp"

namespace podsandbox::containerd_runtime {

/// A layer of an image, and what becomes of it.
struct Layer {
  Descriptor blob;
  std::string diff_id;   ///< the digest of the layer when it is unpacked
  std::string chain_id;  ///< the name of the snapshot that it and all below it make

  bool operator==(const Layer&) const = default;
};

/// What an image's blobs say of it.
struct ImageContent {
  oci::ImageConfig config;
  std::map<std::string, std::string> labels;  ///< those in its configuration
  std::string config_digest;
  std::vector<Layer> layers;  ///< lowest first

  /// The name of the snapshot that all layers make; empty when there are none.
  std::string chain_id() const { return layers.empty() ? std::string() : layers.back().chain_id; }

  bool operator==(const ImageContent&) const = default;
};

/// The way from an image's record to its content: from an index to the one manifest that is best for the
/// host, to the configuration. Says which blob to read next; every byte of it is checked before it is
/// believed. Pure. What is wrong with an image is FAILED_PRECONDITION, that it has nothing for this host
/// NOT_FOUND; both name the image.
class ImageWalk {
 public:
  /// Larger blobs are refused.
  static constexpr std::int64_t largest_blob = std::int64_t{4} << 20U;

  /// `target` is what the record of the image `name` refers to.
  static Result<ImageWalk> begin(std::string name, Descriptor target, const Platform& host);

  /// The blob to read, at most `largest_blob` bytes; null when `content` is complete.
  const Descriptor* wanted() const { return wanted_ ? &*wanted_ : nullptr; }

  /// Takes the blob that is wanted. After an error the walk is over.
  Result<Done> take(std::string_view blob);

  const ImageContent& content() const { return content_; }

 private:
  ImageWalk(std::string name, const Platform& host) : name_(std::move(name)), preference_(host) {}

  Result<Done> enter(Descriptor blob);
  Result<Done> take_index(const std::string& text);
  Result<Done> take_manifest(const std::string& text);
  Result<Done> take_config(const std::string& text);
  Result<Done> check_descriptor(const Descriptor& blob) const;
  Result<Done> nothing_for_host(const std::string& found) const;
  std::string called(const Descriptor& blob) const;
  tl::unexpected<Error> damaged(const std::string& what) const;

  std::string name_;
  PlatformPreference preference_;
  std::optional<Descriptor> wanted_;
  unsigned indexes_ = 0;
  bool check_platform_ = false;  ///< of the configuration: nothing else has said yet what it is for
  std::optional<Manifest> manifest_;
  ImageContent content_;
};

}  // namespace podsandbox::containerd_runtime
