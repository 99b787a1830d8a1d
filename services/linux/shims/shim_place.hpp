#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

/// Where the shims of pods listen and live, in the state directory. Pure.
namespace podsandbox::linux_runtime {

/// Of one pod. The bundle is there before the socket is, and goes after it: by it the pod's shim is known.
struct ShimPlace {
  std::string socket;  ///< of the task API
  std::string kept;    ///< the name by which it is kept while there is no daemon (DescriptorStore)
  std::string bundle;  ///< the shim's working directory, named after the pod
  std::string log;     ///< a FIFO in it; there since the pod's first shim
  std::string record;  ///< of the shim that runs (shim_record.hpp)

  bool operator==(const ShimPlace&) const = default;
};

/// The longest state directory in which the sockets' paths are no longer than a socket's may be.
inline constexpr std::size_t longest_state_dir = 79;

std::filesystem::path shim_sockets_dir(const std::filesystem::path& state_dir);
std::filesystem::path shim_bundles_dir(const std::filesystem::path& state_dir);

ShimPlace shim_place(const std::filesystem::path& state_dir, const std::string& id);

/// The path under which a socket is made, before it takes its place.
std::string draft_of(const std::string& socket);

}  // namespace podsandbox::linux_runtime
