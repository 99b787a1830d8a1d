#include "test/journal/watched_disk.hpp"

#include <filesystem>
#include <stdexcept>
#include <utility>

namespace podsandbox::test {

namespace {

// SQLite gives us one piece of memory for a file: ours, then the real one.
struct File {
  sqlite3_file base;
  std::string* name;
  sqlite3_file* real;
};

WatchedDisk* the_disk = nullptr;

File& ours(sqlite3_file* file) {
  return *reinterpret_cast<File*>(file);  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
}

sqlite3_file* real(sqlite3_file* file) {
  return ours(file).real;
}

int ask(const DiskOp& op) {
  return the_disk->watch ? the_disk->watch(op) : SQLITE_OK;
}

int close_file(sqlite3_file* file) {
  delete std::exchange(ours(file).name, nullptr);
  return real(file)->pMethods->xClose(real(file));
}

int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), to, size, offset);
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  const std::string data(static_cast<const char*>(from), static_cast<std::size_t>(size));
  const int code = ask({DiskOp::Kind::write, *ours(file).name, offset, data});
  return code != SQLITE_OK ? code : real(file)->pMethods->xWrite(real(file), from, size, offset);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const int code = ask({DiskOp::Kind::truncate, *ours(file).name, size, {}});
  return code != SQLITE_OK ? code : real(file)->pMethods->xTruncate(real(file), size);
}

int sync_file(sqlite3_file* file, int flags) {
  const int code = ask({DiskOp::Kind::sync, *ours(file).name, 0, {}});
  return code != SQLITE_OK ? code : real(file)->pMethods->xSync(real(file), flags);
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}

int lock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}

int unlock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}

int check_reserved_lock(sqlite3_file* file, int* reserved) {
  return real(file)->pMethods->xCheckReservedLock(real(file), reserved);
}

int control_file(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}

int device_characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

// Version 1: no shared memory, which the journal must not need.
const sqlite3_io_methods methods{1,
                                 close_file,
                                 read_file,
                                 write_file,
                                 truncate_file,
                                 sync_file,
                                 size_of_file,
                                 lock_file,
                                 unlock_file,
                                 check_reserved_lock,
                                 control_file,
                                 sector_size,
                                 device_characteristics,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};

std::string name_of(const char* path) {
  return path == nullptr ? std::string("temporary") : std::filesystem::path(path).filename().string();
}

}  // namespace

WatchedDisk::WatchedDisk() : real_(sqlite3_vfs_find("unix")), vfs_(*real_) {
  if (the_disk != nullptr) throw std::logic_error("there is one already");
  the_disk = this;
  vfs_.zName = "watched";
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  sqlite3_vfs_register(&vfs_, 1);
}

WatchedDisk::~WatchedDisk() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(real_, 1);
  the_disk = nullptr;
}

int WatchedDisk::open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto& opened = ours(file);
  opened.base.pMethods = nullptr;
  opened.real = reinterpret_cast<sqlite3_file*>(&opened + 1);  // NOLINT
  auto* real_vfs = the_disk->real_;
  const int code = real_vfs->xOpen(real_vfs, path, opened.real, flags, out_flags);
  if (opened.real->pMethods == nullptr) return code;
  opened.name = new std::string(name_of(path));
  opened.base.pMethods = &methods;
  return code;
}

int WatchedDisk::remove(sqlite3_vfs*, const char* path, int sync_directory) {
  const int code = ask({DiskOp::Kind::remove, name_of(path), 0, {}});
  if (code != SQLITE_OK) return code;
  return the_disk->real_->xDelete(the_disk->real_, path, sync_directory);
}

}  // namespace podsandbox::test
