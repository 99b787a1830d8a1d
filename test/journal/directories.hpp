#pragma once

#include <sys/mount.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace podsandbox::test {

/// For tests that open journals by the thousand and do not care how long a disk takes.
inline std::filesystem::path place_in_memory() {
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
}

/// An empty directory that goes with this object.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::filesystem::path& place = std::filesystem::temp_directory_path()) {
    std::string pattern = place / "podsandbox-journal-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A small file system in memory, mounted at a directory for as long as this object lives. Needs root.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path at, const std::string& size) : path_(std::move(at)) {
    std::filesystem::create_directories(path_);
    if (mount("none", path_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
      throw std::runtime_error("mount");
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { umount2(path_.c_str(), MNT_DETACH); }

  const std::filesystem::path& path() const { return path_; }
  /// False when files in it are open for writing.
  bool set_read_only(bool on) const {
    return mount("none", path_.c_str(), nullptr, MS_REMOUNT | (on ? MS_RDONLY : 0), nullptr) == 0;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace podsandbox::test
