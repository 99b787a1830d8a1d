#pragma once

#include "messages/error.hpp"

namespace podsandbox::host {

/// Our own oom_score_adj.
int own_oom_score_adj();

/// Gives the process its oom_score_adj. Where the kernel refuses so low a value it gets the lowest that we
/// may give, our own. Returns what it got.
Result<int> set_oom_score_adj(int pid, int value);

}  // namespace podsandbox::host
