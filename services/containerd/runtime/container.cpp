#include "services/containerd/runtime/container.hpp"

#include <google/protobuf/util/time_util.h>

#include <string_view>
#include <utility>

#include "messages/spec_codec.hpp"
#include "proto/cri.pb.h"

namespace podsandbox::containerd_runtime {

namespace {

constexpr const char* kind_label = "io.cri-containerd.kind";
constexpr const char* sandbox_kind = "sandbox";
constexpr const char* spec_extension = "podsandboxd.io/sandbox";
constexpr const char* spec_type = "podsandboxd.io/journal.v1.Spec";
constexpr const char* selinux_extension = "podsandboxd.io/selinux-label";
constexpr const char* selinux_type = "podsandboxd.io/selinux-label";
constexpr std::size_t longest_label = 4096;  // key and value

bool is_reserved(std::string_view key) {
  return key.starts_with("containerd.io/") || key.starts_with("io.cri-containerd");
}

bool fits(std::string_view key, std::string_view value) {
  return key.size() + value.size() <= longest_label;
}

void set_any(google::protobuf::Any* any, const std::string& type, std::string value) {
  any->set_type_url(type);
  any->set_value(std::move(value));
}

// The pod's win over the image's. Those that containerd would refuse, or take for its own, are left out:
// somebody who may choose a pod's labels may not choose what is collected as garbage.
void add_labels(Container& container, const Labels& image_labels, const SandboxSpec& sandbox) {
  auto& labels = *container.mutable_labels();
  const auto add = [&labels](const auto& all) {
    for (const auto& [key, value] : all) {
      if (fits(key, value) && !is_reserved(key)) labels[key] = value;
    }
  };
  add(image_labels);
  add(sandbox.config->labels());
}

}  // namespace

Container make_container(const SandboxSpec& sandbox, const std::string& owner, const ContainerParts& parts) {
  Container container;
  container.set_id(sandbox.id);
  add_labels(container, parts.image_labels, sandbox);
  (*container.mutable_labels())[kind_label] = sandbox_kind;
  (*container.mutable_labels())[owner_label] = owner;
  container.set_image(parts.image);
  container.mutable_runtime()->set_name(sandbox.runtime_name);
  const Payload& options = sandbox.runtime_options;
  if (!options.type_url.empty()) {
    set_any(container.mutable_runtime()->mutable_options(), options.type_url, options.value);
  }
  set_any(container.mutable_spec(), parts.spec.type_url, parts.spec.value);
  container.set_snapshotter(parts.snapshotter);
  container.set_snapshot_key(sandbox.id);
  auto& extensions = *container.mutable_extensions();
  set_any(&extensions[spec_extension], spec_type, bytes_of(sandbox));
  if (!parts.selinux_label.empty()) {
    set_any(&extensions[selinux_extension], selinux_type, parts.selinux_label);
  }
  return container;
}

bool is_ours(const Container& container, const std::string& owner) {
  const auto it = container.labels().find(owner_label);
  return it != container.labels().end() && it->second == owner &&
         container.extensions().contains(spec_extension);
}

Result<SpecPtr> sandbox_of(const Container& container) {
  const auto it = container.extensions().find(spec_extension);
  if (it != container.extensions().end()) {
    auto spec = spec_of_bytes(it->second.value());
    if (spec && (*spec)->id == container.id()) return spec;
  }
  return failure(ErrorKind::not_found,
                 "the container of sandbox " + container.id() + " does not say what its start was asked");
}

Started describe(const Container& container) {
  Started started;
  const auto& created = container.created_at();
  started.created_at = Time(std::chrono::duration_cast<Time::duration>(
      std::chrono::nanoseconds(google::protobuf::util::TimeUtil::TimestampToNanoseconds(created))));
  for (const auto& [key, value] : container.labels()) {
    if (key != owner_label) started.labels[key] = value;
  }
  const auto label = container.extensions().find(selinux_extension);
  started.labels["oci_runtime_type"] = container.runtime().name();
  started.labels["selinux_label"] = label == container.extensions().end() ? "" : label->second.value();
  started.spec = {container.spec().type_url(), container.spec().value()};
  started.image = container.image();
  started.snapshotter = container.snapshotter();
  return started;
}

Labels snapshot_labels(const SandboxSpec& sandbox, const std::string& owner) {
  Labels labels{{owner_label, owner}};
  for (const auto& [key, value] : sandbox.config->annotations()) {
    const bool concerns_snapshots =
        key == "containerd.io/snapshot.ref" || key.starts_with("containerd.io/snapshot/");
    if (concerns_snapshots && fits(key, value)) labels[key] = value;
  }
  return labels;
}

}  // namespace podsandbox::containerd_runtime
