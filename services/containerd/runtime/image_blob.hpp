#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "services/containerd/runtime/descriptor.hpp"
#include "services/oci/inputs.hpp"

/// The JSON blobs of an image, each read from its text. The error says what is wrong with the blob.
namespace podsandbox::containerd_runtime {

bool is_index_type(std::string_view media_type);
bool is_manifest_type(std::string_view media_type);
bool is_config_type(std::string_view media_type);
bool is_layer_type(std::string_view media_type);

/// What an index lists, in its order.
tl::expected<std::vector<Descriptor>, std::string> read_index(const std::string& text);

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  ///< lowest first; what is no layer is left out

  bool operator==(const Manifest&) const = default;
};

tl::expected<Manifest, std::string> read_manifest(const std::string& text);

struct ConfigBlob {
  Platform platform;
  oci::ImageConfig config;
  std::map<std::string, std::string> labels;
  std::vector<std::string> diff_ids;  ///< sha256 digests of the unpacked layers, lowest first

  bool operator==(const ConfigBlob&) const = default;
};

tl::expected<ConfigBlob, std::string> read_config_blob(const std::string& text);

}  // namespace podsandbox::containerd_runtime
