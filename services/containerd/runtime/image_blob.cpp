#include "services/containerd/runtime/image_blob.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "services/containerd/runtime/digest.hpp"
#include "services/oci/image_config.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using Json = nlohmann::json;

constexpr int deepest_nesting = 32;

constexpr std::array<std::string_view, 2> index_types = {
    "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"};
constexpr std::array<std::string_view, 2> manifest_types = {
    "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"};
constexpr std::array<std::string_view, 2> config_types = {"application/vnd.oci.image.config.v1+json",
                                                          "application/vnd.docker.container.image.v1+json"};
constexpr std::array<std::string_view, 2> layer_type_prefixes = {"application/vnd.oci.image.layer.",
                                                                 "application/vnd.docker.image.rootfs."};

template <class Types>
bool is_one_of(const Types& types, std::string_view type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

/// Does not leave this file.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Json parse_object(const std::string& text) {
  // What is nested deeper is dropped together with everything around it: it would cost memory.
  bool too_deep = false;
  auto object = Json::parse(
      text,
      [&too_deep](int depth, Json::parse_event_t, const Json&) {
        too_deep = too_deep || depth > deepest_nesting;
        return !too_deep;
      },
      false);
  if (!object.is_object()) throw Wrong("it is no JSON object, or one that is nested too deeply");
  return object;
}

/// Null when there is none.
const Json* find(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string text_of(const Json& object, const char* key) {
  const auto* const value = find(object, key);
  if (!value) return {};
  if (!value->is_string()) throw Wrong(std::string(key) + " is no text");
  return value->get<std::string>();
}

const Json& object_of(const Json& object, const char* key) {
  static const Json empty = Json::object();
  const auto* const value = find(object, key);
  if (!value) return empty;
  if (!value->is_object()) throw Wrong(std::string(key) + " is no object");
  return *value;
}

const Json& list_of(const Json& object, const char* key) {
  static const Json empty = Json::array();
  const auto* const value = find(object, key);
  if (!value) return empty;
  if (!value->is_array()) throw Wrong(std::string(key) + " is no list");
  return *value;
}

/// Nothing when it is no base64.
std::optional<std::string> from_base64(const std::string& text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int count =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (count < 0) return std::nullopt;
  const auto end = text.find_last_not_of('=');
  const auto padding = text.size() - (end == std::string::npos ? 0 : end + 1);
  bytes.resize(static_cast<std::size_t>(count) -
               std::min<std::size_t>(padding, static_cast<std::size_t>(count)));
  return bytes;
}

Descriptor descriptor_from(const Json& json) {
  if (!json.is_object()) throw Wrong("a descriptor is no object");
  Descriptor descriptor{.media_type = text_of(json, "mediaType"), .digest = text_of(json, "digest")};
  if (const auto* const size = find(json, "size")) {
    if (!size->is_number_integer()) throw Wrong("the size in a descriptor is no integer");
    descriptor.size = size->get<std::int64_t>();
  }
  if (find(json, "platform") != nullptr) {
    const auto& platform = object_of(json, "platform");
    descriptor.platform =
        Platform{text_of(platform, "os"), text_of(platform, "architecture"), text_of(platform, "variant")};
  }
  if (find(json, "data") != nullptr) descriptor.data = from_base64(text_of(json, "data"));
  return descriptor;
}

/// What tells a blob of one sort from one of the other.
struct Sort {
  std::vector<const char*> foreign_keys;
  bool (*is_foreign_type)(std::string_view);
};

/// One sort must not be taken for the other: what somebody checked as one would be read as the other.
void check_sort(const Json& object, const Sort& sort) {
  if (object.contains("fsLayers"))
    throw Wrong("it is of the first version of Docker's format, which is obsolete");
  for (const auto* const key : sort.foreign_keys) {
    if (object.contains(key))
      throw Wrong(std::string("it has ") + key + ", which belongs to another sort of blob");
  }
  if (sort.is_foreign_type(text_of(object, "mediaType")))
    throw Wrong("it says of itself that it is of another sort");
}

template <class Read>
auto catch_wrong(Read read) -> tl::expected<decltype(read()), std::string> {
  try {
    return read();
  } catch (const Wrong& wrong) {
    return tl::unexpected<std::string>(wrong.what());
  }
}

std::vector<std::string> diff_ids_of(const Json& config) {
  std::vector<std::string> diff_ids;
  for (const auto& one : list_of(object_of(config, "rootfs"), "diff_ids")) {
    if (!one.is_string() || !is_sha256_digest(one.get_ref<const std::string&>()))
      throw Wrong("one of its rootfs.diff_ids is no sha256 digest");
    diff_ids.push_back(one.get<std::string>());
  }
  return diff_ids;
}

std::map<std::string, std::string> labels_of(const Json& config) {
  std::map<std::string, std::string> labels;
  for (const auto& [key, value] : object_of(object_of(config, "config"), "Labels").items()) {
    if (!value.is_string()) throw Wrong("one of its config.Labels is no text");
    labels.emplace(key, value.get<std::string>());
  }
  return labels;
}

}  // namespace

bool is_index_type(std::string_view media_type) {
  return is_one_of(index_types, media_type);
}

bool is_manifest_type(std::string_view media_type) {
  return is_one_of(manifest_types, media_type);
}

bool is_config_type(std::string_view media_type) {
  return is_one_of(config_types, media_type);
}

bool is_layer_type(std::string_view media_type) {
  return std::any_of(layer_type_prefixes.begin(), layer_type_prefixes.end(),
                     [&](std::string_view prefix) { return media_type.substr(0, prefix.size()) == prefix; });
}

tl::expected<std::vector<Descriptor>, std::string> read_index(const std::string& text) {
  return catch_wrong([&] {
    const auto object = parse_object(text);
    check_sort(object, {{"config", "layers"}, is_manifest_type});
    std::vector<Descriptor> entries;
    for (const auto& one : list_of(object, "manifests")) entries.push_back(descriptor_from(one));
    return entries;
  });
}

tl::expected<Manifest, std::string> read_manifest(const std::string& text) {
  return catch_wrong([&] {
    const auto object = parse_object(text);
    check_sort(object, {{"manifests"}, is_index_type});
    if (find(object, "config") == nullptr) throw Wrong("it has no config");
    Manifest manifest{.config = descriptor_from(object_of(object, "config")), .layers = {}};
    for (const auto& one : list_of(object, "layers")) {
      auto layer = descriptor_from(one);
      if (is_layer_type(layer.media_type)) manifest.layers.push_back(std::move(layer));
    }
    return manifest;
  });
}

tl::expected<ConfigBlob, std::string> read_config_blob(const std::string& text) {
  auto blob = catch_wrong([&] {
    const auto object = parse_object(text);
    return ConfigBlob{
        .platform = {text_of(object, "os"), text_of(object, "architecture"), text_of(object, "variant")},
        .config = {},
        .labels = labels_of(object),
        .diff_ids = diff_ids_of(object)};
  });
  if (!blob) return blob;
  auto config = oci::read_image_config(text);
  if (!config) return tl::unexpected(config.error());
  blob->config = std::move(*config);
  return blob;
}

}  // namespace podsandbox::containerd_runtime
