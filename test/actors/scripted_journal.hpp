#pragma once

#include <caf/actor_system.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "messages/journal_port.hpp"

namespace podsandbox::test {

/// A journal in memory that outlives its actor, as a file does. The test decides what fails and what hangs.
class ScriptedJournal : public std::enable_shared_from_this<ScriptedJournal> {
 public:
  JournalPort spawn(caf::actor_system& system);

  // -- what the test says ----------------------------------------------------
  std::optional<Error> broken;      // every write fails with this
  std::deque<Error> next_failures;  // one for each write
  bool hangs = false;               // writes are neither done nor answered

  // -- what the test sees ----------------------------------------------------
  journal::Contents contents;
  journal::Contents on_disk;  // what a power cut leaves of it
  std::size_t writes = 0;
  std::size_t waits_for_the_disk = 0;  // of these

 private:
  Result<Done> write(const journal::Write& write);
};

}  // namespace podsandbox::test
