#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "messages/journal.hpp"
#include "services/journal/database.hpp"
#include "services/journal/limits.hpp"

/// Writes to the tables of the journal.
namespace podsandbox::journal {

/// Changes in their stored form.
struct Rows {
  struct Sandbox {
    std::string id;
    std::optional<std::string> stored;  // absent: it is forgotten
  };
  struct Event {
    std::int64_t sequence = 0;
    std::int64_t at_ns = 0;
    std::string stored;
  };
  std::vector<Sandbox> sandboxes;
  std::vector<Event> events;
};

/// What is left to be written when these writes are carried out in their order. Sandboxes are marked with
/// this boot; without one, they keep theirs. INVALID_ARGUMENT for what cannot be stored.
Result<Rows> rows_of(std::span<const Write> writes, const std::optional<std::string>& boot_id);

/// Prepared statements on one connection; not to outlive it.
class Writer {
 public:
  static Result<Writer> prepare(Database& database);

  /// Only within a transaction.
  Result<Done> write(const Rows& rows);
  /// Forgets events that are too old or too many. Only within a transaction.
  Result<Done> prune(const Limits& limits, Time now);
  /// Gives pages that are not needed back to the file system, some at a time. Only within a transaction.
  Result<Done> shrink();
  /// In which boot the journal was last written, and the lowest number that an event may still be given.
  Result<Done> write_header(const std::string& boot_id, std::uint64_t first_sequence);

 private:
  Statement keep_sandbox_;
  Statement forget_sandbox_;
  Statement keep_event_;
  Statement drop_old_events_;
  Statement drop_excess_events_;
  Statement count_free_pages_;
  Statement free_pages_;
  Statement write_header_;
};

}  // namespace podsandbox::journal
