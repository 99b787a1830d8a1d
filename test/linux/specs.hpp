#pragma once

#include <functional>
#include <string>

#include "messages/sandbox_spec.hpp"
#include "proto/cri.pb.h"

namespace podsandbox::test {

/// A spec for `id` whose config has been changed by `change`.
inline SandboxSpec spec_of(const std::string& id,
                           const std::function<void(::runtime::v1::PodSandboxConfig&)>& change = {}) {
  auto config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  config->mutable_metadata()->set_name("pod-" + id);
  config->mutable_metadata()->set_namespace_("default");
  config->mutable_metadata()->set_uid("uid-" + id);
  if (change) change(*config);
  SandboxSpec spec;
  spec.id = id;
  spec.config = std::move(config);
  spec.runtime_name = "podsandbox.test";
  return spec;
}

inline SpecPtr share(SandboxSpec spec) {
  return std::make_shared<const SandboxSpec>(std::move(spec));
}

inline SpecPtr with_hostname(const std::string& id, const std::string& hostname) {
  return share(spec_of(id, [&](auto& config) { config.set_hostname(hostname); }));
}

}  // namespace podsandbox::test
