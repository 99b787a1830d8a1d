#pragma once

#include <string>

#include "messages/error.hpp"
#include "messages/sandbox_record.hpp"

namespace podsandbox::journal {

/// The journal's name in its directory.
inline constexpr const char* journal_file = "journal.sqlite3";

/// The directory of a journal and the names in it. One process at a time may have it, for as long as this
/// object lives.
///
/// A damaged journal is replaced in steps of which each may be the last one before the power goes: the new
/// one is written under the name `building`; `put_aside` renames it, which is the decision, moves the old one
/// aside, and gives the new one its name. `finish` goes on where it ended.
class Home {
 public:
  /// Makes the directory, with mode 0700, and those above it where they are missing. FAILED_PRECONDITION when
  /// another process has it, or it is not ours.
  static Result<Home> open(const std::string& directory);

  Home(Home&& other) noexcept;
  Home& operator=(Home&&) = delete;
  ~Home();

  std::string path() const { return directory_ + "/" + journal_file; }
  std::string building() const { return path() + ".building"; }

  /// Whether there is a journal.
  bool exists() const;

  /// Removes what an interrupted replacement has left, or completes it, if it had been decided. The name
  /// under which the old journal then is; empty: there was nothing to complete.
  Result<std::string> finish() const;

  /// Puts the journal at `building` in the place of the one there is, if there is one. Its new name.
  Result<std::string> put_aside(Time now) const;

 private:
  Home(std::string directory, int fd) : directory_(std::move(directory)), fd_(fd) {}
  Result<std::string> replace(const std::string& decided, const std::string& stamp) const;
  Result<Done> sync() const;

  std::string directory_;
  int fd_;
};

}  // namespace podsandbox::journal
