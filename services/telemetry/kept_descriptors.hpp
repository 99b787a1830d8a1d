#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "services/host/descriptor_store.hpp"
#include "services/telemetry/notifier.hpp"

namespace podsandbox::telemetry {

/// Descriptors that the service manager keeps: its unit must say how many (FileDescriptorStoreMax=).
class KeptDescriptors final : public host::DescriptorStore {
 public:
  /// `kept`: what it has passed to us.
  KeptDescriptors(std::shared_ptr<Notifier> notifier, std::map<std::string, host::UniqueFd> kept);

  void keep(const std::string& name, const host::UniqueFd& fd) override;
  void forget(const std::string& name) override;
  host::UniqueFd take(const std::string& name) override;
  void forget_others() override;

 private:
  const std::shared_ptr<Notifier> notifier_;
  std::map<std::string, host::UniqueFd> others_;  // that nobody has taken yet
  std::set<std::string> names_;                   // of all that it keeps
};

}  // namespace podsandbox::telemetry
