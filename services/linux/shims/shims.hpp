#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/linux/shims/shim_log.hpp"

namespace podsandbox::linux_runtime {

struct Context;
class PodShim;

/// The shims in which the pods' containers are, one for each pod that has any: containerd is told a socket of
/// ours, and the shim is started when it connects there. Lives on the loop.
class Shims {
 public:
  explicit Shims(const Context& context);
  ~Shims();
  Shims(const Shims&) = delete;
  Shims& operator=(const Shims&) = delete;

  /// Goes on with what earlier lives have left, at once: containerd may ask for it at any moment.
  void take_up();

  /// Whether the pod gets one: it is containerd's.
  bool serves(const SandboxSpec& spec) const;

  /// The version of the task API and its address, for containerd.
  static constexpr std::uint32_t version = 3;
  std::string address(const std::string& id) const;

  /// From now on there is a socket. On failure call `end`.
  Result<Done> open(const std::string& id);

  /// Ends the pod's shim and removes all that there is of it; done, too, when there is nothing. UNAVAILABLE
  /// while it has containers that cannot be removed.
  void end(const std::string& id, std::function<void(Result<Done>)> done);

 private:
  const Context& context_;
  ShimLogs logs_;
  std::map<std::string, std::shared_ptr<PodShim>> shims_;
};

}  // namespace podsandbox::linux_runtime
