#pragma once

#include <vector>

#include "services/linux/sandboxes.hpp"

/// Taking up what is there: from the keeper's inventory and from the records of a former life.
namespace podsandbox::linux_runtime {

/// Once, when nothing is known yet. Started sandboxes become known, running, dead or stopped, also those that
/// a keeper which is no more has left; unfinished starts are removed (recovery_plan.hpp).
void recover(const Context& context, Sandboxes& sandboxes, std::vector<KeeperAnswer> inventory);

/// After the connection to the keeper was lost: removes what a start left whose answer never came.
void remove_strays(const Context& context, Sandboxes& sandboxes, const std::vector<KeeperAnswer>& inventory);

}  // namespace podsandbox::linux_runtime
