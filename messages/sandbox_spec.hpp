#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "messages/runtime_kind.hpp"

namespace runtime::v1 {
class PodSandboxConfig;
}

namespace podsandbox {

/// True for what containerd accepts as an identifier: letters and digits, single `.`, `_` or `-` between
/// them, at most 76 bytes. Such an id is safe as one path component.
bool is_identifier(std::string_view text);

/// A google.protobuf.Any as it came: opaque bytes and the name of their type, without host prefix.
struct Payload {
  std::string type_url;
  std::string value;

  bool operator==(const Payload&) const = default;
};

using Labels = std::map<std::string, std::string>;

/// What a client asked for with Create: checked, and never changed except by Update (labels, extensions).
struct SandboxSpec {
  std::string id;
  std::shared_ptr<const ::runtime::v1::PodSandboxConfig> config;  // never null
  std::string netns_path;                                         // empty: host network, or one of our own
  Labels annotations;
  Labels labels;
  std::string runtime_name;
  Payload runtime_options;
  std::map<std::string, Payload> extensions;
  std::string sandboxer;  // the name by which containerd's CRI calls us; empty: it came from elsewhere
  RuntimeKind runtime = RuntimeKind::linux;  // that it is given to: the configuration says, at Create
};

using SpecPtr = std::shared_ptr<const SandboxSpec>;

/// Whether both ask for the same sandbox (the config is compared field by field, not by its bytes). Nobody
/// asks for a runtime: between a request and its repetition the configuration may have changed.
bool same_request(const SandboxSpec& a, const SandboxSpec& b);

}  // namespace podsandbox
