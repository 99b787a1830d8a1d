#pragma once

namespace podsandbox {

/// A point at which the process may be killed: before or after an effect on what outlives it. Does nothing in
/// the daemon; test/crash links another definition, which can end the process here. From any thread.
void failpoint(const char* name);

}  // namespace podsandbox
