#include "test/actors/scripted_journal.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <vector>

namespace podsandbox::test {

namespace {

struct Unanswered {
  std::vector<caf::typed_response_promise<Result<Done>>> promises;
  const char* name = "journal";
};

}  // namespace

JournalPort ScriptedJournal::spawn(caf::actor_system& system) {
  return system.spawn([journal = shared_from_this()](
                          JournalPort::stateful_pointer<Unanswered> self) -> JournalPort::behavior_type {
    return {[=](const journal::Write& write) -> caf::result<Result<Done>> {
      if (!journal->hangs) return journal->write(write);
      self->state.promises.push_back(self->make_response_promise<Result<Done>>());
      return self->state.promises.back();
    }};
  });
}

Result<Done> ScriptedJournal::write(const journal::Write& write) {
  if (broken) return tl::unexpected<Error>(*broken);
  if (!next_failures.empty()) {
    const auto error = next_failures.front();
    next_failures.pop_front();
    return tl::unexpected<Error>(error);
  }
  ++writes;
  for (const auto& [id, stored] : write.sandboxes) {
    if (stored) {
      contents.sandboxes[id] = *stored;
    } else {
      contents.sandboxes.erase(id);
    }
  }
  for (const auto& event : write.events) {
    if (event.sequence < contents.next_sequence) continue;  // again
    contents.events.push_back(event);
    contents.next_sequence = event.sequence + 1;
  }
  if (write.survives == journal::Survives::power_cut) {
    ++waits_for_the_disk;
    on_disk = contents;
  }
  return Done{};
}

}  // namespace podsandbox::test
