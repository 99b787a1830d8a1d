#include "services/journal/store.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include "messages/log.hpp"
#include "services/journal/reader.hpp"
#include "services/journal/schema.hpp"

namespace podsandbox::journal {

namespace {

Time now() {
  return std::chrono::system_clock::now();
}

tl::unexpected<Error> pass_on(const Error& error) {
  return tl::unexpected<Error>(error);
}

/// Puts these contents into an empty journal. Nobody has compared its sandboxes with this boot yet: they stay
/// marked with the one that they were written in.
Result<Done> fill(Database& database, const Contents& contents) {
  Write all;
  for (const auto& [id, sandbox] : contents.sandboxes) all.sandboxes.emplace(id, sandbox);
  all.events = contents.events;
  const auto rows = rows_of({&all, 1}, {});
  if (!rows) return pass_on(rows.error());
  auto writer = Writer::prepare(database);
  if (!writer) return pass_on(writer.error());
  Transaction transaction(database);
  return transaction.begin()
      .and_then([&](Done) { return writer->write(*rows); })
      .and_then([&](Done) { return writer->write_header(contents.boot_id, contents.next_sequence); })
      .and_then([&](Done) { return transaction.commit(); });
}

/// One for all of them.
Survives survival_of(std::span<const Write> writes) {
  const bool all_may_go =
      std::ranges::all_of(writes, [](const auto& write) { return write.survives == Survives::process; });
  return all_may_go ? Survives::process : Survives::power_cut;
}

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : "; ") + item;
  return text;
}

std::string damage_notice(const Home& home, const std::vector<std::string>& damage, const std::string& aside,
                          const Contents& saved) {
  return "the journal " + home.path() + " was damaged and is kept as " + aside + "; " +
         std::to_string(saved.sandboxes.size()) + " sandboxes and " + std::to_string(saved.events.size()) +
         " events in it could be read and are kept. What was wrong: " + listed(damage);
}

}  // namespace

std::string current_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

Result<Store::Opened> Store::open(const std::string& directory, const Limits& limits) {
  auto home = Home::open(directory);
  if (!home) return pass_on(home.error());
  const std::shared_ptr<Store> store(new Store(*std::move(home), limits, current_boot_id()));
  auto found = store->connect();
  if (!found) {
    return failure(found.error().kind, "journal " + store->home_.path() + ": " + found.error().message);
  }
  store->lost_ = false;  // who opens it sees what there is
  return Opened{store, std::move(found->contents), std::move(found->notices)};
}

// -- connections -------------------------------------------------------------

Result<Store::Found> Store::connect() {
  Found found;
  const auto finished = home_.finish();
  if (!finished) return pass_on(finished.error());
  if (!finished->empty()) {
    found.notices.push_back("a journal was damaged when podsandboxd ran last and is kept as " + *finished);
  }
  if (!finished->empty() || !home_.exists()) lost_ = true;

  auto reading = read_journal(home_.path(), limits_, now());
  if (!reading) return pass_on(reading.error());
  found.contents = std::move(reading->contents);
  if (reading->damage.empty()) {
    auto used = use(*std::move(reading->database), found.contents);
    if (!used) return pass_on(used.error());
    return found;
  }
  reading->database.reset();
  const auto aside = begin_anew(found.contents);
  if (!aside) {
    return failure(aside.error().kind, "it is damaged (" + listed(reading->damage) +
                                           ") and cannot be begun anew: " + aside.error().message);
  }
  lost_ = true;
  found.notices.push_back(damage_notice(home_, reading->damage, *aside, found.contents));
  auto used = Database::open(home_.path()).and_then([&](Database database) {
    return use(std::move(database), found.contents);
  });
  if (!used) return pass_on(used.error());
  return found;
}

Result<std::string> Store::begin_anew(const Contents& contents) const {
  auto built = Database::open(home_.building()).and_then([&](Database database) {
    return migrate(database, migrations())
        .and_then([&](Done) { return fill(database, contents); })
        // All of it is to be in the one file that is renamed.
        .and_then([&](Done) { return database.execute("PRAGMA wal_checkpoint(TRUNCATE)"); });
  });
  if (!built) return pass_on(built.error());
  return home_.put_aside(now());
}

Result<Done> Store::use(Database database, const Contents& contents) {
  auto connection = std::make_unique<Connection>(Connection{std::move(database), {}, contents.next_sequence});
  auto writer = Writer::prepare(connection->database);
  if (!writer) return pass_on(writer.error());
  connection->writer = *std::move(writer);
  connection_ = std::move(connection);
  return Done{};
}

Result<Done> Store::reconnect() {
  auto found = connect();
  if (!found) return pass_on(found.error());
  for (const auto& notice : found->notices) log::error("journal", {}, notice);
  connection_->doubted = true;
  if (!std::exchange(lost_, false)) return Done{};
  return failure(ErrorKind::aborted,
                 "it was lost or damaged and has been begun anew: write everything again");
}

// -- writing -----------------------------------------------------------------

Result<Done> Store::commit(std::span<const Write> writes) {
  const auto rows = rows_of(writes, boot_id_);
  if (!rows) return pass_on(rows.error());
  const std::lock_guard lock(mutex_);
  if (connection_ && connection_->database.moved()) {
    log::error("journal", {}, home_.path() + " was moved or removed by somebody");
    connection_.reset();
    lost_ = true;
  }
  Result<Done> done = Done{};
  if (!connection_) done = reconnect();
  if (done) done = write(*rows, survival_of(writes));
  if (done) return done;
  auto error = done.error();
  if (is_damage(error)) {
    // The next commit looks what is left of it.
    connection_.reset();
    error.kind = ErrorKind::unavailable;
  }
  error.message = "journal " + home_.path() + ": " + error.message;
  return pass_on(error);
}

Result<Done> Store::write(const Rows& rows, Survives survives) {
  if (!connection_->boot_written) survives = Survives::power_cut;
  Result<Done> done = Done{};
  if (connection_->doubted) done = connection_->database.settle();
  if (done) connection_->doubted = false;
  if (done) done = write_rows(rows, survives);
  const bool waits = survives == Survives::power_cut;
  // The kernel tells only once that it could not write what it had taken.
  if (!done && waits && connection_->unsynced) connection_->doubted = true;
  if (done) connection_->unsynced = !waits;
  return done;
}

Result<Done> Store::write_rows(const Rows& rows, Survives survives) {
  auto& writer = connection_->writer;
  Transaction transaction(connection_->database);
  auto done = transaction.begin(survives).and_then([&](Done) { return writer.write(rows); });
  if (done && !connection_->boot_written) {
    done = writer.write_header(boot_id_, connection_->first_sequence);
  }
  if (done && !rows.events.empty()) done = writer.prune(limits_, now());
  if (done) done = writer.shrink();
  if (done) done = transaction.commit();
  if (done) connection_->boot_written = true;
  return done;
}

}  // namespace podsandbox::journal
