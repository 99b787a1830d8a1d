#pragma once

#include <cstdint>
#include <span>

#include "services/journal/database.hpp"

/// The tables of the journal and their versions (PRAGMA user_version).
namespace podsandbox::journal {

/// Makes version n+1 of version n.
using Migration = Result<Done> (*)(Database&);

/// The migrations of this program: the first one makes version 1 of an empty file.
std::span<const Migration> migrations();

/// The version that the file has; 0: it is empty. INTERNAL when it contradicts itself. FAILED_PRECONDITION,
/// saying what to do, when it is newer than all that is known here.
Result<std::int64_t> schema_version(Database& database, std::span<const Migration> known);

/// Brings the file from its version to the newest, each step as a whole or not at all.
Result<Done> migrate(Database& database, std::span<const Migration> steps);

}  // namespace podsandbox::journal
