#pragma once

/// The containerd that containerd/start runs a program with, for tests that kill it.
namespace podsandbox::test {

/// When this returns it has ended.
void kill_containerd();

/// After that. It serves soon.
void start_containerd();

void until_containerd_serves();

}  // namespace podsandbox::test
