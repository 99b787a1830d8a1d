#include "services/journal/database.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "messages/failpoint.hpp"
#include "services/journal/codec.hpp"

namespace podsandbox::journal {

namespace {

constexpr int foreign_lock_patience_ms = 1000;

bool disk_full(int code, int system_error) {
  const int primary = code & 0xff;
  return primary == SQLITE_FULL ||
         (primary == SQLITE_IOERR && (system_error == ENOSPC || system_error == EDQUOT));
}

ErrorKind kind_of(int code, int system_error) {
  if (disk_full(code, system_error)) return ErrorKind::resource_exhausted;
  // A sector that cannot be read stays so; the file is put aside, and another one can be written.
  if (code == SQLITE_IOERR_READ && system_error == EIO) return ErrorKind::internal;
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::failed_precondition;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
      return ErrorKind::unavailable;
    default:
      return ErrorKind::internal;
  }
}

// SQLite remembers it only of some failures. Whoever may fail sets errno to 0 before.
int system_error_of(sqlite3* connection) {
  const int last = errno;
  const int remembered = sqlite3_system_errno(connection);
  return remembered != 0 ? remembered : last;
}

Error error_of(sqlite3* connection) {
  const int code = sqlite3_extended_errcode(connection);
  const int system_error = system_error_of(connection);
  const int primary = code & 0xff;
  std::string text = primary == SQLITE_BUSY ? "another program uses it" : sqlite3_errmsg(connection);
  if (system_error != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
    text += " (" + std::generic_category().message(system_error) + ")";
  }
  return {kind_of(code, system_error), std::move(text)};
}

tl::unexpected<Error> failed(sqlite3* connection) {
  return tl::unexpected<Error>(error_of(connection));
}

}  // namespace

// -- Statement ---------------------------------------------------------------

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::bind(int place, std::int64_t number) {
  bind_error_ |= sqlite3_bind_int64(statement_.get(), place, number);
  return *this;
}

Statement& Statement::bind_text(int place, std::string_view text) {
  bind_error_ |=
      sqlite3_bind_text64(statement_.get(), place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int place, std::string_view bytes) {
  // An empty blob must not be a null pointer, which would be NULL.
  const char* data = bytes.empty() ? "" : bytes.data();
  bind_error_ |= sqlite3_bind_blob64(statement_.get(), place, data, bytes.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  auto* connection = sqlite3_db_handle(statement_.get());
  if (std::exchange(bind_error_, 0) != 0) return failed(connection);
  errno = 0;
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return failed(connection);
  }
}

Result<Done> Statement::run() {
  auto row = step();
  while (row && *row) row = step();
  sqlite3_reset(statement_.get());
  if (!row) return tl::unexpected<Error>(std::move(row).error());
  return Done{};
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  // The pointer first: asking for it may convert the value, which changes its size.
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
}

// -- Database ----------------------------------------------------------------

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

Result<Database> Database::open(const std::string& path) {
  sqlite3* connection = nullptr;
  errno = 0;
  const int code = sqlite3_open_v2(path.c_str(), &connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (connection == nullptr) return failure(ErrorKind::unavailable, "no memory");
  Database database(connection);
  if (code != SQLITE_OK) return failed(connection);
  if (sqlite3_db_readonly(connection, "main") == 1) {
    return failure(ErrorKind::unavailable, "it can only be read, not written");
  }
  auto configured = database.configure();
  if (!configured) return tl::unexpected<Error>(std::move(configured).error());
  return database;
}

Result<Done> Database::configure() {
  auto* connection = connection_.get();
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, foreign_lock_patience_ms);
  // What a damaged file says must not be believed.
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, static_cast<int>(2 * largest_row));
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The lock comes first: with it the index of the log is in memory and not in a file that all could map.
  // What frees pages must be known before the first table is made; later it would only cost a write.
  return execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")
      .and_then([this](Done) { return number("PRAGMA page_count"); })
      .and_then([this](std::int64_t pages) -> Result<Done> {
        if (pages > 0) return Done{};
        return execute("PRAGMA auto_vacuum = INCREMENTAL");
      })
      .and_then([this](Done) {
        return execute(
            "PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = FULL;"
            "PRAGMA wal_autocheckpoint = 1000;"
            "PRAGMA journal_size_limit = 4194304");
      });
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  errno = 0;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return failed(connection_.get());
  return Statement(statement);
}

Result<Done> Database::execute(const std::string& sql) {
  errno = 0;
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failed(connection_.get());
  }
  return Done{};
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected<Error>(std::move(statement).error());
  const auto row = statement->step();
  if (!row) return tl::unexpected<Error>(row.error());
  if (!*row) return failure(ErrorKind::internal, "a row that every journal has is missing");
  return statement->number(0);
}

Result<Done> Database::settle() {
  auto checkpoint = prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!checkpoint) return tl::unexpected<Error>(std::move(checkpoint).error());
  const auto row = checkpoint->step();
  if (!row) return tl::unexpected<Error>(row.error());
  if (*row && checkpoint->number(0) == 0) return Done{};
  return failure(ErrorKind::unavailable, "its log cannot be emptied now");
}

bool Database::moved() const {
  int moved = 0;
  return sqlite3_file_control(connection_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved != 0;
}

Result<Done> Database::commits_survive(Survives survives) {
  if (survives == survives_) return Done{};
  // One that does not wait does not empty the log, either: SQLite tells nobody if that fails.
  auto set =
      execute(survives == Survives::power_cut ? "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000"
                                              : "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
  if (set) survives_ = survives;
  return set;
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(connection_.get()) == 0;
}

// -- Transaction -------------------------------------------------------------

Result<Done> Transaction::begin(Survives survives) {
  failpoint("transaction begins");
  return database_.commits_survive(survives).and_then(
      [this](Done) { return database_.execute("BEGIN IMMEDIATE"); });
}

Result<Done> Transaction::commit() {
  failpoint("transaction commits");
  auto done = database_.execute("COMMIT");
  failpoint("transaction is over");
  return done;
}

Transaction::~Transaction() {
  // After some errors SQLite has undone it already.
  if (database_.in_transaction()) (void)database_.execute("ROLLBACK");
}

}  // namespace podsandbox::journal
