#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/host/pod_directory.hpp"

namespace podsandbox::host {

/// What a runtime must know of a sandbox to go on with it in another life of the daemon.
struct ProcessRecord {
  std::string boot_id;  ///< a pid means nothing in another boot
  int pid = 0;          ///< 0: there is no process, not yet or not any more
  std::uint64_t start_time = 0;
  std::int64_t created_ns = 0;
  bool started = false;       ///< false: written before Start was done, which then has been given up
  std::string cgroup;         ///< ours, below each hierarchy; empty: none
  std::string cgroup_parent;  ///< the pod's; empty: none
  bool files = false;         ///< the pod's files may exist
  int oom_score_adj = 0;      ///< of the process

  bool operator==(const ProcessRecord&) const = default;
};

/// Those that are the sandbox's: a process is made later than they.
PodFiles files_of(const ProcessRecord& record);

/// Small files for each sandbox: the record, replaced as a whole, and what its Start was asked. A power cut
/// may take the newest: no process outlives it, and of what it leaves on disks the journal knows. So nothing
/// is synced to a disk.
class RecordStore {
 public:
  explicit RecordStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  Result<Done> write(const std::string& id, const ProcessRecord& record) const;
  /// Before the first record.
  Result<Done> write_spec(const SandboxSpec& spec) const;
  /// NOT_FOUND when there is none that can be read.
  Result<SpecPtr> read_spec(const std::string& id) const;
  /// Both. Done, too, when there was none.
  Result<Done> remove(const std::string& id) const;
  /// All, by id. A file that makes no sense is left out: half a record is never written.
  std::map<std::string, ProcessRecord> read_all() const;
  /// Whether every file does.
  bool make_sense() const { return nonsense().empty(); }
  /// Removes, and logs, every file that makes no sense.
  void remove_nonsense() const;

 private:
  std::vector<std::filesystem::path> nonsense() const;

  std::filesystem::path directory_;
};

}  // namespace podsandbox::host
