#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "messages/journal.hpp"
#include "services/journal/database.hpp"
#include "services/journal/home.hpp"
#include "services/journal/limits.hpp"
#include "services/journal/writer.hpp"

namespace podsandbox::journal {

/// The journal's file. Blocks on the disk; thread-safe.
class Store {
 public:
  struct Opened;

  /// Opens the journal in this directory, or begins one. What is damaged is put aside, and what could be read
  /// of it is kept. Errors: FAILED_PRECONDITION, another process has it, or its schema is newer than we know;
  /// RESOURCE_EXHAUSTED, it must be begun anew and the disk is full; UNAVAILABLE, it cannot be read or
  /// written.
  static Result<Opened> open(const std::string& directory, const Limits& limits);

  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Carries out these writes in their order, all or none of them; Done when they survive what they are to
  /// survive. Errors: those of a `Write` (messages/journal_port.hpp).
  Result<Done> commit(std::span<const Write> writes);

 private:
  struct Connection {
    Database database;
    Writer writer;
    std::uint64_t first_sequence = 1;
    bool boot_written = false;
    bool unsynced = false;  // something was committed, and the disk was not waited for since
    bool doubted = false;   // what is in the log may not be on the disk, and the kernel may not say so again
  };

  Store(Home home, const Limits& limits, std::string boot_id)
      : home_(std::move(home)), limits_(limits), boot_id_(std::move(boot_id)) {}

  struct Found {
    Contents contents;
    std::vector<std::string> notices;
  };
  Result<Found> connect();
  Result<Done> reconnect();
  Result<std::string> begin_anew(const Contents& contents) const;
  Result<Done> use(Database database, const Contents& contents);
  Result<Done> write(const Rows& rows, Survives survives);
  Result<Done> write_rows(const Rows& rows, Survives survives);

  const Home home_;
  const Limits limits_;
  const std::string boot_id_;
  std::mutex mutex_;
  std::unique_ptr<Connection> connection_;  // absent after a failure that a new one may mend
  bool lost_ = false;  // something that had been written may be missing, and nobody has been told
};

struct Store::Opened {
  std::shared_ptr<Store> store;
  Contents contents;
  /// What an operator should know, one sentence each; empty when all is well.
  std::vector<std::string> notices;
};

/// The id of the boot that we are in; empty when the kernel does not tell.
std::string current_boot_id();

}  // namespace podsandbox::journal
