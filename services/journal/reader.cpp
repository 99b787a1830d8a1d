#include "services/journal/reader.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "services/journal/checksum.hpp"
#include "services/journal/codec.hpp"
#include "services/journal/schema.hpp"

namespace podsandbox::journal {

namespace {

constexpr int most_faults_named = 5;

using Damage = std::vector<std::string>;

/// What SQLite finds wrong with its own structures.
Result<Damage> faults_of(Database& database) {
  auto check = database.prepare("PRAGMA integrity_check(" + std::to_string(most_faults_named) + ")");
  if (!check) return tl::unexpected<Error>(std::move(check).error());
  Damage faults;
  auto row = check->step();
  for (; row && *row; row = check->step()) {
    if (const auto text = check->bytes(0); text != "ok") faults.emplace_back(text);
  }
  if (!row) return tl::unexpected<Error>(std::move(row).error());
  return faults;
}

/// Calls `take` with every row; when the file does not let us read on, also from the other end.
template <class Take>
Result<Done> scan(Database& database, const std::string& sql, const std::string& key, Take take) {
  Result<Done> outcome = Done{};
  for (const char* direction : {" ASC", " DESC"}) {
    std::string ordered = sql;
    ordered.append(" ORDER BY ").append(key).append(direction);
    auto rows = database.prepare(ordered);
    if (!rows) return tl::unexpected<Error>(std::move(rows).error());
    auto row = rows->step();
    for (; row && *row; row = rows->step()) take(*rows);
    if (row) return outcome;
    outcome = tl::unexpected<Error>(std::move(row).error());
    if (!is_damage(outcome.error())) return outcome;
  }
  return outcome;
}

std::uintmax_t size_of(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

class Reader {
 public:
  Reader(const Limits& limits, Time now) : limits_(limits), now_(now) {}

  Result<Reading> read(const std::string& path) {
    auto done = look_at(path)
                    .and_then([&](Done) { return Database::open(path); })
                    .and_then([this](Database database) {
                      reading_.database = std::move(database);
                      return read_all();
                    });
    if (!done && !is_damage(done.error())) return tl::unexpected<Error>(std::move(done).error());
    if (!done) structure_damaged(done.error().message);
    number_events();
    return std::move(reading_);
  }

 private:
  /// SQLite would take a log without a file for rubbish, and remove it.
  static Result<Done> look_at(const std::string& path) {
    if (size_of(path) > 0 || size_of(path + "-wal") == 0) return Done{};
    return failure(ErrorKind::internal, "it is empty or gone, but its log is there");
  }

  /// Damage of one part keeps none of the others from being read.
  Result<Done> read_all() {
    for (const auto part :
         {&Reader::check, &Reader::read_header, &Reader::read_sandboxes, &Reader::read_events}) {
      auto done = (this->*part)();
      if (!done && !is_damage(done.error())) return done;
      if (!done) structure_damaged(done.error().message);
    }
    return Done{};
  }

  Result<Done> check() {
    auto faults = schema_version(database(), migrations()).and_then([this](std::int64_t) {
      return faults_of(database());
    });
    if (!faults) return tl::unexpected<Error>(std::move(faults).error());
    // A damaged file is left as it is.
    if (faults->empty()) return migrate(database(), migrations());
    for (const auto& fault : *faults) structure_damaged(fault);
    return Done{};
  }

  Result<Done> read_header() {
    auto header = database().prepare("SELECT boot_id, first_sequence, sum FROM journal");
    if (!header) return tl::unexpected<Error>(std::move(header).error());
    const auto row = header->step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row || header_sum(header->bytes(0), header->number(1)) != header->number(2)) {
      return failure(ErrorKind::internal, "its first row is damaged");
    }
    reading_.contents.boot_id = header->bytes(0);
    reading_.contents.next_sequence = static_cast<std::uint64_t>(header->number(1));
    return Done{};
  }

  Result<Done> read_sandboxes() {
    return scan(database(), "SELECT number, id, stored, sum FROM sandboxes", "number",
                [this](const Statement& row) { take_sandbox(row); });
  }

  void take_sandbox(const Statement& row) {
    const std::string id(row.bytes(1));
    const auto stored = row.bytes(2);
    const bool intact = checksum(stored) == row.number(3);
    auto sandbox = intact ? decode_sandbox(stored) : failure(ErrorKind::internal, "its bytes have changed");
    if (!sandbox || sandbox->record.spec->id != id) {
      const auto why = sandbox ? "it names itself " + sandbox->record.spec->id : sandbox.error().message;
      reading_.damage.push_back("row " + std::to_string(row.number(0)) + ", sandbox \"" + id +
                                "\", is lost: " + why);
      return;
    }
    reading_.contents.sandboxes.insert_or_assign(id, *std::move(sandbox));
  }

  Result<Done> read_events() {
    return scan(database(), "SELECT sequence, stored, sum FROM events", "sequence",
                [this](const Statement& row) { take_event(row); });
  }

  void take_event(const Statement& row) {
    const auto sequence = static_cast<std::uint64_t>(row.number(0));
    const auto stored = row.bytes(1);
    const bool intact = checksum(stored) == row.number(2);
    auto event = intact ? decode_event(stored) : failure(ErrorKind::internal, "its bytes have changed");
    if (event && event->sequence != sequence) event = failure(ErrorKind::internal, "its number has changed");
    if (event) {
      events_.insert_or_assign(sequence, *std::move(event));
    } else {
      reading_.damage.push_back("event " + std::to_string(sequence) + " is lost: " + event.error().message);
      last_bad_event_ = std::max(last_bad_event_, sequence);
    }
  }

  void structure_damaged(const std::string& what) {
    structure_sound_ = false;
    auto& damage = reading_.damage;
    if (std::find(damage.begin(), damage.end(), what) == damage.end()) damage.push_back(what);
  }

  /// The newest events without a gap, and what the next one's number is.
  void number_events() {
    auto& next = reading_.contents.next_sequence;
    if (!events_.empty()) next = std::max(next, events_.rbegin()->first + 1);
    const bool end_is_sure = structure_sound_ && (last_bad_event_ == 0 || last_bad_event_ + 1 < next);
    if (!end_is_sure) {
      // Later events may have been lost. Whoever has seen them must not take new ones for them, so numbers go
      // on at one that is higher than any that was ever given.
      const auto now = std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch());
      next = std::max(next, static_cast<std::uint64_t>(now.count()));
      reading_.damage.push_back("the event log begins anew, at number " + std::to_string(next));
      return;
    }
    auto& kept = reading_.contents.events;
    for (auto it = events_.rbegin(); it != events_.rend() && kept.size() < limits_.events_kept; ++it) {
      if (it->first + kept.size() + 1 != next || it->second.at < now_ - limits_.max_age) break;
      kept.push_back(std::move(it->second));
    }
    std::reverse(kept.begin(), kept.end());
  }

  Database& database() { return *reading_.database; }

  const Limits& limits_;
  const Time now_;
  Reading reading_;
  std::map<std::uint64_t, Event> events_;
  std::uint64_t last_bad_event_ = 0;
  bool structure_sound_ = true;
};

}  // namespace

Result<Reading> read_journal(const std::string& path, const Limits& limits, Time now) {
  return Reader(limits, now).read(path);
}

}  // namespace podsandbox::journal
