#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"
#include "services/linux/shims/shim_place.hpp"

/// What another life of the daemon must know of a shim, and how it is found without that.
namespace podsandbox::linux_runtime {

struct ShimRecord {
  std::string boot_id;
  int pid = 0;
  std::uint64_t start_time = 0;

  bool operator==(const ShimRecord&) const = default;
};

/// A shim that runs.
struct ShimProcess {
  int pid = 0;
  std::uint64_t start_time = 0;
  host::UniqueFd pidfd;
};

/// The file is replaced as a whole.
Result<Done> write_shim_record(const ShimPlace& place, const ShimRecord& record);
void remove_shim_record(const ShimPlace& place);

/// What we know of the pods' shims that earlier lives have started.
class FormerShims {
 public:
  explicit FormerShims(std::filesystem::path state_dir) : state_dir_(std::move(state_dir)) {}

  /// The pods of which there is a bundle.
  std::vector<std::string> ids() const;

  /// Whether this pod ever had a shim.
  bool had(const std::string& id) const;

  /// The one that runs: by its record or, when that was not written any more, by its working directory.
  std::optional<ShimProcess> find(const std::string& id, const std::string& boot_id);

 private:
  std::optional<ShimProcess> find_by_directory(const std::string& id);
  void look_at_processes();

  std::filesystem::path state_dir_;
  std::optional<std::multimap<std::string, int>> in_bundles_;  // by the pod's id; read when it is needed
};

}  // namespace podsandbox::linux_runtime
