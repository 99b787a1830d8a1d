#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/journal.hpp"
#include "services/journal/database.hpp"
#include "services/journal/limits.hpp"

/// Reads all that is in a journal, sound or damaged.
namespace podsandbox::journal {

struct Reading {
  /// The connection, to go on with; absent when the file cannot even be opened as a journal.
  std::optional<Database> database;
  /// What could be read, and is as it was written.
  Contents contents;
  /// What is wrong with the file, in words; empty: it is sound.
  std::vector<std::string> damage;
};

/// Opens the file or makes it, migrates it if it is of an older version, checks it and reads it. Errors are
/// those that are not the file's fault, and FAILED_PRECONDITION for one of a newer version.
Result<Reading> read_journal(const std::string& path, const Limits& limits, Time now);

}  // namespace podsandbox::journal
