#pragma once

#include <string>

#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

/// Copies of descriptors that are open while this process is away, by name, and that the next one has back.
/// Nothing blocks, and nothing is told of a failure: who gets nothing back makes another. This one keeps
/// none. From one thread at a time.
class DescriptorStore {
 public:
  /// With this their names begin.
  static constexpr const char* prefix = "shim-";

  DescriptorStore() = default;
  virtual ~DescriptorStore() = default;
  DescriptorStore(const DescriptorStore&) = delete;
  DescriptorStore& operator=(const DescriptorStore&) = delete;

  /// In place of what is kept by this name.
  virtual void keep(const std::string& /*name*/, const UniqueFd& /*fd*/) {}

  virtual void forget(const std::string& /*name*/) {}

  /// What an earlier process had kept, once. It stays kept. Empty: nothing.
  virtual UniqueFd take(const std::string& /*name*/) { return {}; }

  /// What nobody has taken is nobody's: it is told of and forgotten.
  virtual void forget_others() {}
};

}  // namespace podsandbox::host
