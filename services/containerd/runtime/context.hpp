#pragma once

#include <functional>

#include "messages/runtime_port.hpp"
#include "services/containerd/runtime/api.hpp"
#include "services/containerd/runtime/images.hpp"
#include "services/containerd/runtime/sandbox.hpp"
#include "services/containerd/runtime/settings.hpp"
#include "services/host/flow.hpp"
#include "services/host/loop.hpp"
#include "services/host/process_record.hpp"
#include "services/oci/inputs.hpp"

namespace podsandbox::containerd_runtime {

/// What the parts of the runtime share. All of it lives on the loop, and longer than what uses it.
struct Context {
  host::Loop& loop;
  host::Flows& flows;
  const Api& api;
  Images& images;
  const host::RecordStore& records;
  const Settings& settings;
  const oci::HostFacts& host;
  const std::string& boot_id;

  /// Its process has ended in this way. Only the first that is told counts.
  std::function<void(const SandboxPtr&, const Exit&)> ended;
  /// Its process is there: from now on its death is noticed.
  std::function<void(const SandboxPtr&)> watch;
};

}  // namespace podsandbox::containerd_runtime
