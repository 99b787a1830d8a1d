#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "messages/error.hpp"
#include "messages/survives.hpp"

struct sqlite3;
struct sqlite3_stmt;

/// SQLite with our errors: RESOURCE_EXHAUSTED, the disk is full; FAILED_PRECONDITION, somebody else has the
/// file; UNAVAILABLE, it cannot be read or written now; INTERNAL, the file is not as it should be (damaged).
namespace podsandbox::journal {

/// Whether the file itself is at fault, so that trying again cannot help.
inline bool is_damage(const Error& error) {
  return error.kind == ErrorKind::internal;
}

/// A prepared statement; not to outlive its database. What is bound must live until `reset`.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& bind(int place, std::int64_t number);
  Statement& bind_text(int place, std::string_view text);
  Statement& bind_blob(int place, std::string_view bytes);

  /// True: there is a row; false: it is done. What a bind could not do is told here.
  Result<bool> step();
  /// Runs it to its end, from wherever it is, and makes it ready to run again.
  Result<Done> run();

  std::int64_t number(int column) const;
  std::string_view bytes(int column) const;  // until the next step

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

/// A connection that has the file for itself from its first use on.
class Database {
 public:
  /// The file is made where there is none.
  static Result<Database> open(const std::string& path);

  Result<Statement> prepare(std::string_view sql);
  /// Runs any number of statements, whose rows are of no interest.
  Result<Done> execute(const std::string& sql);
  /// The first column of the first row.
  Result<std::int64_t> number(std::string_view sql);

  /// Whether the file is no longer at its path: what is written now is lost.
  bool moved() const;
  bool in_transaction() const;

  /// Of what is committed from now on; not within a transaction. A later commit that waits for the disk
  /// waits for all before it, too; when one fails, what those before it wrote may be lost: `settle`.
  Result<Done> commits_survive(Survives survives);

  /// Moves all that was committed from the log to its place on the disk.
  Result<Done> settle();

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  explicit Database(sqlite3* connection) : connection_(connection) {}
  Result<Done> configure();

  std::unique_ptr<sqlite3, Close> connection_;
  Survives survives_ = Survives::power_cut;
};

/// A transaction: undone at its end unless it was committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  Result<Done> begin(Survives survives = Survives::power_cut);
  /// On failure nothing has changed.
  Result<Done> commit();

 private:
  Database& database_;
};

}  // namespace podsandbox::journal
