#pragma once

#include <memory>
#include <string>

#include "services/host/descriptor_store.hpp"
#include "services/host/runtime.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox::linux_runtime {

/// Makes sandboxes run as processes of this host.
class LinuxRuntime final : public host::Runtime {
 public:
  /// Makes the state directory where needed, and starts. That there is a keeper is not waited for: without
  /// one requests fail with UNAVAILABLE. The store keeps the sockets of pods' shims; no other part of the
  /// process may take anything from it.
  static Result<std::shared_ptr<LinuxRuntime>> open(
      const Settings& settings,
      std::shared_ptr<host::DescriptorStore> descriptors = std::make_shared<host::DescriptorStore>());
  ~LinuxRuntime() override;
  LinuxRuntime(const LinuxRuntime&) = delete;
  LinuxRuntime& operator=(const LinuxRuntime&) = delete;

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
  explicit LinuxRuntime(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace podsandbox::linux_runtime
