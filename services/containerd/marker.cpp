#include "services/containerd/marker.hpp"

#include <string_view>

#include "proto/cri.pb.h"

namespace podsandbox::containerd_client {

namespace {

constexpr const char* kind_label = "io.cri-containerd.kind";
constexpr const char* sandbox_kind = "sandbox";
constexpr const char* marker_label = "podsandboxd.io/marker";
constexpr std::size_t longest_label = 4096;  // key and value; containerd refuses a record with a longer one

/// Whether a pod's label may be on a record: containerd and CRI trust those that have their names.
bool may_be_label(std::string_view key, std::string_view value) {
  return key.size() + value.size() <= longest_label && !key.starts_with("containerd.io/") &&
         !key.starts_with("io.cri-containerd");
}

void set_any(google::protobuf::Any* any, const Payload& payload) {
  any->set_type_url(payload.type_url);
  any->set_value(payload.value);
}

std::string label(const Container& container, const char* key) {
  const auto it = container.labels().find(key);
  return it == container.labels().end() ? "" : it->second;
}

}  // namespace

Container make_marker(const SandboxView& sandbox, const std::string& owner) {
  Container record;
  record.set_id(sandbox.spec->id);
  auto& labels = *record.mutable_labels();
  for (const auto& [key, value] : sandbox.spec->config->labels()) {
    if (may_be_label(key, value)) labels[key] = value;
  }
  labels[kind_label] = sandbox_kind;
  labels[marker_label] = owner;
  record.mutable_runtime()->set_name(sandbox.spec->runtime_name);
  const auto& options = sandbox.spec->runtime_options;
  if (!options.type_url.empty()) set_any(record.mutable_runtime()->mutable_options(), options);
  if (sandbox.started) set_any(record.mutable_spec(), sandbox.started->spec);
  return record;
}

bool is_marker(const Container& container) {
  return container.labels().contains(marker_label) && label(container, kind_label) == sandbox_kind &&
         container.image().empty() && container.snapshot_key().empty() && container.extensions().empty();
}

std::string owner_of(const Container& marker) {
  return label(marker, marker_label);
}

bool needs_marker(const SandboxView& sandbox) {
  return sandbox.spec->runtime == RuntimeKind::linux && sandbox.started && sandbox.phase != Phase::gone;
}

}  // namespace podsandbox::containerd_client
