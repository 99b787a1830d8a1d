#include "services/journal/peek.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/journal/home.hpp"

namespace podsandbox::journal {

namespace fs = std::filesystem;

namespace {

/// Removed with what is in it.
class Scratch {
 public:
  Scratch() : path_((fs::temp_directory_path() / "podsandboxd-journal-XXXXXX").string()) {
    if (!mkdtemp(path_.data())) error_ = errno;
  }
  ~Scratch() {
    std::error_code ignored;
    if (error_ == 0) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  int error() const { return error_; }

 private:
  std::string path_;
  int error_ = 0;
};

}  // namespace

Result<Reading> peek(const std::string& directory, const Limits& limits) {
  const fs::path original = fs::path(directory) / journal_file;
  std::error_code error;
  if (!fs::exists(original, error) && !error) return Reading{};
  const Scratch scratch;
  error.assign(scratch.error(), std::generic_category());
  const fs::path copy = fs::path(scratch.path()) / journal_file;
  if (!error) fs::copy_file(original, copy, error);
  const std::string log = original.string() + "-wal";  // what the file itself does not have yet
  if (!error && fs::exists(log)) fs::copy_file(log, copy.string() + "-wal", error);
  if (error) {
    return failure(ErrorKind::unavailable,
                   "copying the journal " + original.string() + " to read it: " + error.message());
  }
  auto reading = read_journal(copy, limits, std::chrono::system_clock::now());
  if (!reading) return tl::unexpected<Error>(reading.error());
  return Reading{{}, std::move(reading->contents), std::move(reading->damage)};
}

}  // namespace podsandbox::journal
