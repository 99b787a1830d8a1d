#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace podsandbox::test {

/// What SQLite does to a file.
struct DiskOp {
  enum class Kind : std::uint8_t { write, truncate, sync, remove };
  Kind kind = Kind::write;
  std::string file;         // its name without the directory
  std::int64_t offset = 0;  // of a truncation: the new size
  std::string data;
};

/// Stands between SQLite and the files for as long as it lives: sees every change that is made to them, and
/// can make it fail. One at a time; for tests on one thread.
class WatchedDisk {
 public:
  WatchedDisk();
  WatchedDisk(const WatchedDisk&) = delete;
  WatchedDisk& operator=(const WatchedDisk&) = delete;
  ~WatchedDisk();

  /// Called before each change. An SQLite error code makes it fail; SQLITE_OK lets it happen.
  std::function<int(const DiskOp&)> watch;

 private:
  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags);
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory);

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
};

}  // namespace podsandbox::test
