#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "test/integration/daemon_process.hpp"

/// What there is of a daemon that has programs of its own (DaemonOptions), beside its process.
namespace podsandbox::test {

std::vector<pid_t> keepers_of(const DaemonProcess& daemon);

/// The cgroups at this path below the root of any hierarchy, in words; empty: none.
std::string cgroups_at(const std::string& path);

/// Processes, mounts, directories of pods, and records, in words; empty: nothing.
std::string leftovers_of(const DaemonProcess& daemon);

}  // namespace podsandbox::test
