#pragma once

#include <functional>
#include <vector>

#include "services/linux/keeper_client.hpp"

namespace podsandbox::linux_runtime {

/// Asks the keeper for all that it has. `done` gets the entries in no particular order, or why there are
/// none.
void read_inventory(KeeperClient& keeper, std::function<void(Result<std::vector<KeeperAnswer>>&&)> done);

}  // namespace podsandbox::linux_runtime
