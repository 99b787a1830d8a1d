#include "messages/spec_codec.hpp"

#include <memory>
#include <utility>

#include "proto/cri.pb.h"

namespace podsandbox {

// What is encoded is taken apart into all of its members: who adds one is told by the compiler to store it
// (and by the test of the round trip to read it again).

void fill(wire::Payload& out, const Payload& payload) {
  const auto& [type_url, value] = payload;
  out.set_type_url(type_url);
  out.set_value(value);
}

void fill(google::protobuf::RepeatedPtrField<wire::Label>& out, const Labels& labels) {
  for (const auto& [key, value] : labels) {
    auto& label = *out.Add();
    label.set_key(key);
    label.set_value(value);
  }
}

void fill(wire::Spec& out, const SandboxSpec& spec) {
  const auto& [id, config, netns_path, annotations, labels, runtime_name, runtime_options, extensions,
               sandboxer, runtime] = spec;
  out.set_id(id);
  config->SerializeToString(out.mutable_config());
  out.set_netns_path(netns_path);
  fill(*out.mutable_annotations(), annotations);
  fill(*out.mutable_labels(), labels);
  out.set_runtime_name(runtime_name);
  fill(*out.mutable_runtime_options(), runtime_options);
  for (const auto& [key, value] : extensions) {
    auto& extension = *out.add_extensions();
    extension.set_key(key);
    fill(*extension.mutable_value(), value);
  }
  out.set_sandboxer(sandboxer);
  if (runtime != RuntimeKind::linux) out.set_runtime(std::string(to_string(runtime)));
}

Payload payload_of(const wire::Payload& in) {
  return {in.type_url(), in.value()};
}

Labels labels_of(const google::protobuf::RepeatedPtrField<wire::Label>& in) {
  Labels labels;
  for (const auto& label : in) labels.insert_or_assign(label.key(), label.value());
  return labels;
}

Result<SpecPtr> spec_of(const wire::Spec& in) {
  auto config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  if (!config->ParseFromString(in.config())) {
    return failure(ErrorKind::invalid_argument, "its config is no PodSandboxConfig");
  }
  const auto runtime = in.runtime().empty() ? RuntimeKind::linux : parse_runtime_kind(in.runtime());
  if (!runtime) return failure(ErrorKind::invalid_argument, "its runtime is none that there is");
  auto spec = std::make_shared<SandboxSpec>();
  spec->id = in.id();
  spec->config = std::move(config);
  spec->netns_path = in.netns_path();
  spec->annotations = labels_of(in.annotations());
  spec->labels = labels_of(in.labels());
  spec->runtime_name = in.runtime_name();
  spec->runtime_options = payload_of(in.runtime_options());
  for (const auto& extension : in.extensions()) {
    spec->extensions.insert_or_assign(extension.key(), payload_of(extension.value()));
  }
  spec->sandboxer = in.sandboxer();
  spec->runtime = *runtime;
  return spec;
}

std::string bytes_of(const SandboxSpec& spec) {
  wire::Spec out;
  fill(out, spec);
  return out.SerializeAsString();
}

Result<SpecPtr> spec_of_bytes(std::string_view bytes) {
  wire::Spec in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return failure(ErrorKind::invalid_argument, "its bytes are no spec");
  }
  return spec_of(in);
}

}  // namespace podsandbox
