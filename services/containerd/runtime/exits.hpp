#pragma once

#include <memory>
#include <string>

#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/context.hpp"
#include "services/host/runtime.hpp"

namespace podsandbox::containerd_runtime {

/// Finds out how pause processes end, and tells it. That one has ended the kernel tells, at once and always,
/// and mostly how; else containerd does: by its event, or when it is asked. An event that never comes is not
/// missed, and while only containerd can know nothing is taken for known. Lives on the loop.
class Exits {
 public:
  /// What it is given must outlive it, but for the sandboxes.
  Exits(host::Loop& loop, host::Flows& flows, const Api& api, containerd_client::Connection& connection,
        const Sandboxes& sandboxes, std::chrono::nanoseconds look_every);

  /// Null: nobody. Whoever subscribes is told of all that have ended and are not cleaned up.
  void subscribe(host::Runtime::Subscriber subscriber);

  /// Its process is there, or should be.
  void watch(const SandboxPtr& sandbox);
  /// It has ended in this way. Only the first that is told counts.
  void ended(const SandboxPtr& sandbox, const Exit& exit);

 private:
  void listen();
  void heard(const ::containerd::types::Envelope& envelope);
  void watch_shim(const SandboxPtr& sandbox);
  void look();
  void look_regularly();
  void ask(const SandboxPtr& sandbox);
  host::Flow<void> find_out(SandboxPtr sandbox);

  host::Loop& loop_;
  host::Flows& flows_;
  const Api& api_;
  containerd_client::Connection& connection_;
  const Sandboxes& sandboxes_;
  const std::chrono::nanoseconds look_every_;
  host::Runtime::Subscriber subscriber_;
  std::unique_ptr<containerd_client::Subscription> subscription_;
};

}  // namespace podsandbox::containerd_runtime
