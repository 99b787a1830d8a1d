#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/replies_to.hpp>
#include <caf/send.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <utility>

#include "messages/message_types.hpp"

namespace podsandbox::containerd_client {

/// From another thread: to be run by the actor.
struct RunHere {
  std::function<void()> task;
};

using RunsTasks = caf::typed_actor<caf::reacts_to<RunHere>>;

}  // namespace podsandbox::containerd_client

PODSANDBOX_MESSAGE(podsandbox::containerd_client::RunHere)

namespace podsandbox::containerd_client {

/// What brings an answer that comes on another thread to the actor. Weak: an answer keeps no dead actor
/// alive.
template <class T>
std::function<void(Result<T>)> run_at(caf::weak_actor_ptr actor, std::function<void(Result<T>)> handle) {
  return [actor = std::move(actor), handle = std::move(handle)](Result<T> result) {
    const caf::strong_actor_ptr alive = actor.lock();
    if (!alive) return;
    auto task = [handle, result = std::move(result)] { handle(result); };
    caf::anon_send(caf::actor_cast<RunsTasks>(alive), RunHere{std::move(task)});
  };
}

}  // namespace podsandbox::containerd_client
