#pragma once

#include <string>
#include <vector>

#include "messages/error.hpp"
#include "services/host/cgroup.hpp"
#include "services/linux/shims/shim_record.hpp"

/// A shim's start, and how one that was started is done with. What may hang is said.
namespace podsandbox::linux_runtime {

/// Everything that a shim is started with. Its bundle is there, with a FIFO that somebody reads.
struct ShimOrder {
  std::string id;
  std::string runtime_type;
  std::string cgroup;  ///< that it is put into, must exist; empty: ours
  std::string containerd_address;
  std::string boot_id;
  ShimPlace place;
  host::UniqueFd listener;
};

/// Its arguments and its environment: `ours`, and what containerd gives to a shim. Pure.
std::vector<std::string> shim_arguments(const ShimOrder& order);
std::vector<std::string> shim_environment(const std::vector<std::string>& ours, const ShimOrder& order);

/// The program of such shims (shim_binary.hpp), looked for in our PATH. May hang, as files may.
Result<std::string> find_shim_of(const std::string& runtime_type, const std::string& containerd_address);

/// Starts it as our child and writes its record. Of one that cannot be as it should nothing is left. May
/// hang, as files may.
Result<ShimProcess> start_shim(const ShimOrder& order);

/// Reaps it if it is our child, which has ended: whether it failed. Not known of one that is another's.
bool reap_shim(const ShimProcess& shim);

}  // namespace podsandbox::linux_runtime
