#pragma once

#include <functional>
#include <string>

#include "messages/runtime_port.hpp"
#include "services/host/descriptor_store.hpp"
#include "services/host/loop.hpp"
#include "services/host/process_record.hpp"
#include "services/linux/keeper_client.hpp"
#include "services/linux/plan.hpp"
#include "services/linux/sandbox_cgroup.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox::linux_runtime {

class Shims;

/// What the parts of the runtime share. All of it lives on the loop, and longer than what uses it.
struct Context {
  host::Loop& loop;
  KeeperClient& keeper;
  const host::RecordStore& records;
  const CgroupMakers& cgroups;
  const Settings& settings;
  const HostFacts& host;
  Shims& shims;
  host::DescriptorStore& descriptors;

  /// Runs its argument when what the keeper has is known: with an error when there is no keeper.
  std::function<void(std::function<void(Result<Done>)>)> with_keeper;
  /// An exit that the world may know of.
  std::function<void(const runtime::Process&)> exited;
};

}  // namespace podsandbox::linux_runtime
