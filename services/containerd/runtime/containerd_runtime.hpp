#pragma once

#include <memory>
#include <string>

#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/settings.hpp"
#include "services/host/runtime.hpp"

namespace podsandbox::containerd_runtime {

/// Makes sandboxes run as pause containers of containerd's: for each a container, a task and a snapshot that
/// have the sandbox's id. What is needed to go on with them in another life of the daemon is on our own disk
/// too, so that a start of the daemon does not wait for containerd.
class ContainerdRuntime final : public host::Runtime {
 public:
  /// Makes the data directory where needed, and starts. containerd is not waited for: while it is away, what
  /// needs it fails with UNAVAILABLE. The connection must outlive the runtime.
  static Result<std::shared_ptr<ContainerdRuntime>> open(
      const Settings& settings, std::shared_ptr<containerd_client::Connection> containerd);
  ~ContainerdRuntime() override;
  ContainerdRuntime(const ContainerdRuntime&) = delete;
  ContainerdRuntime& operator=(const ContainerdRuntime&) = delete;

  void start(SpecPtr spec, Callback<Started> answer) override;
  void kill(const std::string& id, int signal, Callback<Done> answer) override;
  void cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer) override;
  void inspect(const std::string& id, Callback<runtime::Process> answer) override;
  void list(Callback<runtime::Holdings> answer) override;
  void recall(const std::string& id, Callback<SpecPtr> answer) override;
  void metrics(const std::string& id, Callback<Payload> answer) override;
  void subscribe(Subscriber subscriber) override;

 private:
  class Core;
  explicit ContainerdRuntime(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace podsandbox::containerd_runtime
