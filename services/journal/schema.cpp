#include "services/journal/schema.hpp"

#include <array>
#include <string>
#include <utility>

#include "services/journal/checksum.hpp"

namespace podsandbox::journal {

namespace {

// Table `journal` stays in every later version: its schema_version, which is PRAGMA user_version once more,
// tells a file of a newer version from one with a damaged header.
Result<Done> make_version_1(Database& database) {
  return database.execute(
      "CREATE TABLE journal ("
      "  only INTEGER PRIMARY KEY CHECK (only = 1),"
      "  schema_version INTEGER NOT NULL,"
      "  boot_id TEXT NOT NULL,"            // in which the journal was last written
      "  first_sequence INTEGER NOT NULL,"  // no event is given a lower number any more
      "  sum INTEGER NOT NULL"
      ") STRICT;"
      "INSERT INTO journal VALUES (1, 1, '', 1, " +
      std::to_string(header_sum("", 1)) +
      ");"
      // `stored` is a message of journal.proto.
      "CREATE TABLE sandboxes ("
      "  number INTEGER PRIMARY KEY,"
      "  id TEXT NOT NULL UNIQUE,"
      "  stored BLOB NOT NULL,"
      "  sum INTEGER NOT NULL"
      ") STRICT;"
      "CREATE TABLE events ("
      "  sequence INTEGER PRIMARY KEY,"
      "  at_ns INTEGER NOT NULL,"
      "  stored BLOB NOT NULL,"
      "  sum INTEGER NOT NULL"
      ") STRICT;");
}

/// A sandbox may be another runtime's than linux (Spec.runtime): who overlooks it takes it for a dead one.
Result<Done> make_version_2(Database&) {
  return Done{};
}

constexpr std::array<Migration, 2> all_migrations{make_version_1, make_version_2};

Result<Done> carry_out(Database& database, Migration step, std::int64_t version) {
  Transaction transaction(database);
  const auto number = std::to_string(version);
  return transaction.begin()
      .and_then([&](Done) { return step(database); })
      .and_then([&](Done) { return database.execute("UPDATE journal SET schema_version = " + number); })
      .and_then([&](Done) { return database.execute("PRAGMA user_version = " + number); })
      .and_then([&](Done) { return transaction.commit(); });
}

tl::unexpected<Error> too_new(std::int64_t found, std::size_t known) {
  return failure(ErrorKind::failed_precondition,
                 "it has schema version " + std::to_string(found) +
                     ", this podsandboxd knows versions up to " + std::to_string(known) +
                     ": run a podsandboxd that knows it, or move the journal away, which loses what it knows "
                     "of the sandboxes (those that run are found again) and the events");
}

}  // namespace

std::span<const Migration> migrations() {
  return all_migrations;
}

Result<std::int64_t> schema_version(Database& database, std::span<const Migration> known) {
  auto version = database.number("PRAGMA user_version");
  if (!version) return version;
  if (*version == 0) {
    auto tables = database.number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return tables;
    if (*tables == 0) return 0;
  }
  auto again = database.number("SELECT schema_version FROM journal");
  if (!again) return again;
  if (*again != *version || *version < 0) {
    return failure(ErrorKind::internal, "its schema version is damaged");
  }
  if (*version > static_cast<std::int64_t>(known.size())) return too_new(*version, known.size());
  return version;
}

Result<Done> migrate(Database& database, std::span<const Migration> steps) {
  const auto found = schema_version(database, steps);
  if (!found) return tl::unexpected<Error>(found.error());
  for (auto version = *found; version < static_cast<std::int64_t>(steps.size()); ++version) {
    auto done = carry_out(database, steps[static_cast<std::size_t>(version)], version + 1);
    if (!done) return done;
  }
  return Done{};
}

}  // namespace podsandbox::journal
