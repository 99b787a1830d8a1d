#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messages/runtime_port.hpp"
#include "messages/sandbox_record.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox::linux_runtime {

/// Makes sandboxes run as processes of this host: the runtime port's contract (messages/runtime_port.hpp)
/// with callbacks in place of messages. Every function may be called from any thread and returns at once;
/// callbacks run on a thread of the runtime's own, must not block and must not hold the last reference to the
/// runtime. Those that have not run when it is destroyed never will.
///
/// Destroying it leaves the sandboxes running. The next one on the same state directory goes on with them.
class LinuxRuntime {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;
  using Subscriber = std::function<void(const runtime::Process& ended)>;

  /// Makes the state directory where needed, and starts. That there is a keeper is not waited for: without
  /// one requests fail with UNAVAILABLE.
  static Result<std::shared_ptr<LinuxRuntime>> open(const Settings& settings);
  ~LinuxRuntime();
  LinuxRuntime(const LinuxRuntime&) = delete;
  LinuxRuntime& operator=(const LinuxRuntime&) = delete;

  void start(SpecPtr spec, Callback<Started> answer);
  void kill(const std::string& id, int signal, Callback<Done> answer);
  void cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer);
  void inspect(const std::string& id, Callback<runtime::Process> answer);
  void list(Callback<runtime::Holdings> answer);
  void recall(const std::string& id, Callback<SpecPtr> answer);
  void metrics(const std::string& id, Callback<Payload> answer);
  /// Null: nobody. The last one wins.
  void subscribe(Subscriber subscriber);

 private:
  class Core;
  explicit LinuxRuntime(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace podsandbox::linux_runtime
