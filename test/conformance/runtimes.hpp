#pragma once

#include <tuple>

#ifdef PODSANDBOX_CONTAINERD_CONFORMANCE
#include "test/conformance/containerd_fixture.hpp"
#else
#include "test/conformance/linux_fixture.hpp"
#endif

namespace podsandbox::test {

/// Every runtime that the suite is run against: a fixture with the members that LinuxFixture documents. The
/// one that needs a containerd is in a program of its own.
#ifdef PODSANDBOX_CONTAINERD_CONFORMANCE
using Runtimes = std::tuple<ContainerdFixture>;
#else
using Runtimes = std::tuple<LinuxFixture>;
#endif

}  // namespace podsandbox::test
