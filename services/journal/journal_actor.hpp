#pragma once

#include <caf/actor_system.hpp>
#include <memory>

#include "messages/journal_port.hpp"
#include "services/journal/store.hpp"

namespace podsandbox::journal {

/// The actor of the journal. It has a thread of its own, since it waits for the disk; writes that come
/// meanwhile share the next wait. When it dies, another one may be made on the same store: writes that it
/// took and did not answer are answered UNAVAILABLE.
JournalPort spawn_journal(caf::actor_system& system, std::shared_ptr<Store> store);

}  // namespace podsandbox::journal
