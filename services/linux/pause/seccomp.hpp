#pragma once

namespace podsandbox::linux_runtime::pause {

/// From now on every system call fails with EPERM but those that `tell` and `wait_for_end` make. Returns 0 or
/// an errno.
int forbid_system_calls();

}  // namespace podsandbox::linux_runtime::pause
