#pragma once

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "test/journal/watched_disk.hpp"

namespace podsandbox::test {

/// What may have become of changes that were not synced when the power went.
enum class Unsynced : std::uint8_t {
  kept,     ///< all had reached the disk already
  lost,     ///< none had
  torn,     ///< some sectors of some had
  garbage,  ///< as torn, and some of the sectors hold something else
};

/// A disk that forgets: follows the changes to files and knows what can be found after a power cut now.
class ForgetfulDisk {
 public:
  void apply(const DiskOp& op);

  /// Writes what is found after a power cut into this directory, which must be empty.
  void power_cut(const std::filesystem::path& directory, Unsynced unsynced, std::mt19937& random) const;

 private:
  struct File {
    std::string synced;
    bool ever_synced = false;
    std::vector<DiskOp> pending;
  };
  std::map<std::string, File> files_;
};

}  // namespace podsandbox::test
