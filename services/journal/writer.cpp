#include "services/journal/writer.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "services/journal/checksum.hpp"
#include "services/journal/codec.hpp"

namespace podsandbox::journal {

namespace {

/// Far from where SQLite's numbers end.
constexpr std::uint64_t highest_sequence = std::uint64_t{1} << 62U;
constexpr std::int64_t spare_pages = 256;  // of 4 KiB, kept for what comes next

std::int64_t nanoseconds(Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Result<Rows::Sandbox> row_of(const std::string& id, const std::optional<StoredSandbox>& sandbox,
                             const std::optional<std::string>& boot_id) {
  if (!sandbox) return Rows::Sandbox{id, {}};
  auto marked = *sandbox;
  if (boot_id) marked.boot_id = *boot_id;
  auto stored = encode(marked);
  if (!stored) return tl::unexpected<Error>(std::move(stored).error());
  if (sandbox->record.spec->id != id) {
    return failure(ErrorKind::invalid_argument,
                   "sandbox " + sandbox->record.spec->id + " cannot be stored under the id " + id);
  }
  return Rows::Sandbox{id, *std::move(stored)};
}

Result<Rows::Event> row_of(const Event& event) {
  if (event.sequence == 0 || event.sequence > highest_sequence) {
    return failure(ErrorKind::invalid_argument,
                   "an event cannot have the number " + std::to_string(event.sequence));
  }
  auto stored = encode(event);
  if (!stored) return tl::unexpected<Error>(std::move(stored).error());
  return Rows::Event{static_cast<std::int64_t>(event.sequence), nanoseconds(event.at), *std::move(stored)};
}

}  // namespace

Result<Rows> rows_of(std::span<const Write> writes, const std::optional<std::string>& boot_id) {
  Rows rows;
  std::map<std::string_view, std::pair<const std::string*, const std::optional<StoredSandbox>*>> last;
  for (const auto& write : writes) {
    for (const auto& [id, sandbox] : write.sandboxes) last.insert_or_assign(id, std::pair(&id, &sandbox));
    for (const auto& event : write.events) {
      auto row = row_of(event);
      if (!row) return tl::unexpected<Error>(std::move(row).error());
      rows.events.push_back(*std::move(row));
    }
  }
  for (const auto& [id, change] : last) {
    auto row = row_of(*change.first, *change.second, boot_id);
    if (!row) return tl::unexpected<Error>(std::move(row).error());
    rows.sandboxes.push_back(*std::move(row));
  }
  return rows;
}

Result<Writer> Writer::prepare(Database& database) {
  Writer writer;
  const std::pair<Statement*, std::string_view> statements[] = {
      {&writer.keep_sandbox_,
       "INSERT INTO sandboxes (id, stored, sum) VALUES (?1, ?2, ?3) "
       "ON CONFLICT (id) DO UPDATE SET stored = excluded.stored, sum = excluded.sum"},
      {&writer.forget_sandbox_, "DELETE FROM sandboxes WHERE id = ?1"},
      {&writer.keep_event_, "INSERT OR REPLACE INTO events VALUES (?1, ?2, ?3, ?4)"},
      // Always from the oldest on, so that no gap comes to be, and never the newest.
      {&writer.drop_old_events_,
       "DELETE FROM events WHERE sequence < coalesce("
       "(SELECT sequence FROM events WHERE at_ns >= ?1 ORDER BY sequence LIMIT 1),"
       "(SELECT max(sequence) FROM events))"},
      {&writer.drop_excess_events_,
       "DELETE FROM events WHERE sequence <= (SELECT max(sequence) FROM events) - ?1"},
      {&writer.count_free_pages_, "PRAGMA freelist_count"},
      {&writer.free_pages_, "PRAGMA incremental_vacuum(64)"},
      {&writer.write_header_, "UPDATE journal SET boot_id = ?1, first_sequence = ?2, sum = ?3"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared) return tl::unexpected<Error>(std::move(prepared).error());
    *statement = *std::move(prepared);
  }
  return writer;
}

Result<Done> Writer::write(const Rows& rows) {
  Result<Done> done = Done{};
  for (const auto& [id, stored] : rows.sandboxes) {
    done = stored ? keep_sandbox_.bind_text(1, id).bind_blob(2, *stored).bind(3, checksum(*stored)).run()
                  : forget_sandbox_.bind_text(1, id).run();
    if (!done) return done;
  }
  for (const auto& [sequence, at_ns, stored] : rows.events) {
    done = keep_event_.bind(1, sequence).bind(2, at_ns).bind_blob(3, stored).bind(4, checksum(stored)).run();
    if (!done) return done;
  }
  return done;
}

Result<Done> Writer::prune(const Limits& limits, Time now) {
  const auto kept = static_cast<std::int64_t>(std::max<std::size_t>(limits.events_kept, 1));
  return drop_excess_events_.bind(1, kept).run().and_then(
      [&](Done) { return drop_old_events_.bind(1, nanoseconds(now - limits.max_age)).run(); });
}

Result<Done> Writer::shrink() {
  const auto row = count_free_pages_.step();
  const bool much = row && *row && count_free_pages_.number(0) > spare_pages;
  auto done = count_free_pages_.run();
  return done && much ? free_pages_.run() : done;
}

Result<Done> Writer::write_header(const std::string& boot_id, std::uint64_t first_sequence) {
  const auto first = static_cast<std::int64_t>(first_sequence);
  return write_header_.bind_text(1, boot_id).bind(2, first).bind(3, header_sum(boot_id, first)).run();
}

}  // namespace podsandbox::journal
