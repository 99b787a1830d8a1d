#pragma once

#include <functional>
#include <string>

#include "messages/runtime_port.hpp"
#include "messages/sandbox_record.hpp"

namespace podsandbox::host {

/// The runtime port's contract (messages/runtime_port.hpp) with callbacks in place of messages: what a
/// runtime is, apart from its actor. Every function may be called from any thread and returns at once;
/// callbacks run on a thread of the runtime's own, must not block and must not hold the last reference to the
/// runtime. Those that have not run when it is destroyed never will. Errors of a start, a kill and a cleanup
/// say "it": whoever asked names the sandbox.
///
/// Destroying it leaves the sandboxes running. The next one on the same directories goes on with them.
class Runtime {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;
  using Subscriber = std::function<void(const runtime::Process& ended)>;

  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime() = default;

  virtual void start(SpecPtr spec, Callback<Started> answer) = 0;
  virtual void kill(const std::string& id, int signal, Callback<Done> answer) = 0;
  virtual void cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer) = 0;
  virtual void inspect(const std::string& id, Callback<runtime::Process> answer) = 0;
  virtual void list(Callback<runtime::Holdings> answer) = 0;
  virtual void recall(const std::string& id, Callback<SpecPtr> answer) = 0;
  virtual void metrics(const std::string& id, Callback<Payload> answer) = 0;
  /// Null: nobody. The last one wins.
  virtual void subscribe(Subscriber subscriber) = 0;
};

}  // namespace podsandbox::host
