#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "messages/runtime_port.hpp"

namespace podsandbox::test {

/// Asks a runtime through its port and waits for the answer. An answer that does not come in time is an
/// INTERNAL error.
class PortUser {
 public:
  /// `make` makes the runtime's actor; it may be called again.
  explicit PortUser(std::function<RuntimePort(caf::actor_system&)> make);
  ~PortUser();

  Result<Started> start(SpecPtr spec) { return ask<Started>(runtime::Start{std::move(spec)}); }
  Result<Done> kill(const std::string& id, int signal) { return ask<Done>(runtime::Kill{id, signal}); }
  Result<Done> cleanup(const std::string& id, runtime::Extent extent = runtime::Extent::everything) {
    return ask<Done>(runtime::Cleanup{id, extent});
  }
  Result<runtime::Process> inspect(const std::string& id) {
    return ask<runtime::Process>(runtime::Inspect{id});
  }
  Result<runtime::Holdings> holdings() { return ask<runtime::Holdings>(runtime::ListAll{}); }
  Result<std::vector<runtime::Process>> list() {
    return holdings().map([](auto all) { return std::move(all.processes); });
  }
  Result<SpecPtr> recall(const std::string& id) { return ask<SpecPtr>(runtime::Recall{id}); }
  Result<Payload> metrics(const std::string& id) { return ask<Payload>(runtime::ReadMetrics{id}); }

  /// Sends `op` and goes on; the function that is returned waits for the answer.
  template <class T, class Op>
  std::function<Result<T>()> begin(Op op) {
    auto asker = std::make_shared<caf::scoped_actor>(*system_);
    auto handle = (*asker)->request(port_, patience, std::move(op));
    return [this, asker, handle = std::make_shared<decltype(handle)>(std::move(handle))] {
      Result<T> result = failure(ErrorKind::internal, "no answer");
      handle->receive([&](Result<T>& answer) { result = std::move(answer); },
                      [&](const caf::error& error) { result = no_answer(error); });
      return result;
    };
  }

  /// Subscribes; what came before is forgotten.
  void subscribe();
  /// The exit of `id`, waited for; empty when it does not come.
  std::optional<Exit> exit_of(const std::string& id);

  /// Kills the runtime's actor and goes on with a new one.
  void replace_actor();

 private:
  struct Exits {
    std::mutex mutex;
    std::map<std::string, Exit> seen;
  };
  static constexpr auto patience = std::chrono::seconds(30);

  template <class T, class Op>
  Result<T> ask(Op op) {
    return begin<T>(std::move(op))();
  }
  tl::unexpected<Error> no_answer(const caf::error& error) const;

  std::function<RuntimePort(caf::actor_system&)> make_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  RuntimePort port_;
  runtime::ExitSubscriber subscriber_;
  std::shared_ptr<Exits> exits_ = std::make_shared<Exits>();
};

}  // namespace podsandbox::test
