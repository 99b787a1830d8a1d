#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/chore.hpp"
#include "messages/event.hpp"
#include "messages/sandbox_record.hpp"
#include "messages/survives.hpp"

/// What is durable, as plain values. The port to the journal is in journal_port.hpp.
namespace podsandbox {

/// Everything of one sandbox that must survive the process.
struct StoredSandbox {
  SandboxRecord record;
  std::vector<Chore> chores;  // that wait to be tried (again), in order
  unsigned failures = 0;      // of the first chore, in a row
  std::string last_error;     // of the first chore
  std::optional<Time> due;    // when the first chore is tried next; absent: at once
  std::uint32_t actors = 0;   // how many actors the sandbox has had
  /// The boot in which this was written; set by the journal, whatever the writer says. A process of another
  /// boot is gone.
  std::string boot_id;
};

namespace journal {

/// What changes, all or nothing. Writing the same again does no harm.
struct Write {
  /// By id. An absent value: the sandbox is forgotten.
  std::map<std::string, std::optional<StoredSandbox>> sandboxes;
  /// With their sequence numbers.
  std::vector<Event> events;
  Survives survives = Survives::power_cut;
};

/// All that the journal knows.
struct Contents {
  std::map<std::string, StoredSandbox> sandboxes;
  /// The newest, in order, without gaps, up to the one before `next_sequence`.
  std::vector<Event> events;
  std::uint64_t next_sequence = 1;
  /// The boot in which it was last written; empty: never.
  std::string boot_id;
};

}  // namespace journal

}  // namespace podsandbox
