#pragma once

#include <memory>
#include <string>
#include <utility>

#include "messages/requests.hpp"
#include "proto/cri.pb.h"

namespace podsandbox::test {

/// A sandbox that runs, as CRI asks for one.
inline SandboxView running_sandbox(const std::string& id, const Labels& pod_labels = {}) {
  auto config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  config->mutable_labels()->insert(pod_labels.begin(), pod_labels.end());
  auto spec = std::make_shared<SandboxSpec>();
  spec->id = id;
  spec->config = std::move(config);
  spec->runtime_name = "io.containerd.runc.v2";
  spec->runtime_options = {"containerd.runc.v1.Options", "options"};
  spec->extensions["metadata"] = {"github.com/containerd/cri/pkg/store/sandbox/Metadata", "{}"};
  SandboxView view;
  view.spec = std::move(spec);
  view.phase = Phase::ready;
  view.started = Started{};
  view.started->spec = {"types.containerd.io/opencontainers/runtime-spec/1/Spec", "{}"};
  return view;
}

/// The same, and it came through containerd's CRI.
inline SandboxView cri_sandbox(const std::string& id) {
  auto view = running_sandbox(id);
  auto spec = std::make_shared<SandboxSpec>(*view.spec);
  spec->sandboxer = "podsandboxd";
  view.spec = std::move(spec);
  return view;
}

}  // namespace podsandbox::test
