#include "services/host/runtime_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <string>
#include <utility>

#include "messages/failpoint.hpp"
#include "messages/log.hpp"

namespace podsandbox::host {

/// From the runtime's thread: to be run by the actor.
struct RunHere {
  std::function<void()> task;
};

}  // namespace podsandbox::host

PODSANDBOX_MESSAGE(podsandbox::host::RunHere)

namespace podsandbox::host {

namespace {

using Port = RuntimePort::extend<caf::reacts_to<RunHere>>;

// Weak: a runtime that waits for something keeps no dead actor alive.
using WeakPort = caf::weak_actor_ptr;

void run_at(const WeakPort& port, std::function<void()> task) {
  const caf::strong_actor_ptr alive = port.lock();
  if (alive) caf::anon_send(caf::actor_cast<Port>(alive), RunHere{std::move(task)});
}

// Answers the request that is being handled later, with what the returned callback is given. Only the actor
// touches the promise; other threads merely hold the box that it is in.
template <class T>
Runtime::Callback<T> answer_later(Port::pointer self, caf::typed_response_promise<Result<T>>& promise) {
  promise = self->make_response_promise<Result<T>>();
  auto box = std::make_shared<caf::typed_response_promise<Result<T>>>(promise);
  return [box, port = WeakPort(self->ctrl())](Result<T> result) {
    run_at(port, [box, result = std::move(result)]() mutable { box->deliver(std::move(result)); });
  };
}

template <class T, class Ask>
caf::result<Result<T>> handle(Port::pointer self, Ask ask) {
  failpoint("request to the runtime");
  caf::typed_response_promise<Result<T>> promise;
  ask(answer_later<T>(self, promise));
  return promise;
}

using RuntimePtr = std::shared_ptr<Runtime>;

Port::behavior_type runtime_actor(Port::pointer self, RuntimePtr core) {
  self->set_error_handler([self](const caf::error& error) {
    log::error("runtime", {}, "unexpected error message: " + self->system().render(error));
  });
  return {
      [=](runtime::Start& op) {
        return handle<Started>(self, [&](auto answer) { core->start(std::move(op.spec), answer); });
      },
      [=](const runtime::Kill& op) {
        return handle<Done>(self, [&](auto answer) { core->kill(op.id, op.signal, answer); });
      },
      [=](const runtime::Cleanup& op) {
        return handle<Done>(self, [&](auto answer) { core->cleanup(op.id, op.extent, answer); });
      },
      [=](const runtime::Inspect& op) {
        return handle<runtime::Process>(self, [&](auto answer) { core->inspect(op.id, answer); });
      },
      [=](const runtime::ListAll&) {
        return handle<runtime::Holdings>(self, [&](auto answer) { core->list(answer); });
      },
      [=](const runtime::Recall& op) {
        return handle<SpecPtr>(self, [&](auto answer) { core->recall(op.id, answer); });
      },
      [=](const runtime::ReadMetrics& op) {
        return handle<Payload>(self, [&](auto answer) { core->metrics(op.id, answer); });
      },
      [=](const runtime::Subscribe& op) {
        core->subscribe([to = WeakPort(caf::actor_cast<caf::actor_control_block*>(op.to))](
                            const runtime::Process& ended) {
          failpoint("exit is told");
          const caf::strong_actor_ptr alive = to.lock();
          if (alive) caf::anon_send(caf::actor_cast<runtime::ExitSubscriber>(alive), runtime::Exited{ended});
        });
      },
      [](const RunHere& here) {
        failpoint("answer of the runtime");
        here.task();
      },
  };
}

}  // namespace

RuntimePort spawn_runtime(caf::actor_system& system, std::shared_ptr<Runtime> runtime) {
  return system.spawn(runtime_actor, std::move(runtime));
}

}  // namespace podsandbox::host
