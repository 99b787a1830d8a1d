#pragma once

#include <tuple>

#include "test/conformance/linux_fixture.hpp"

namespace podsandbox::test {

/// Every runtime that the suite is run against: a fixture with the members that LinuxFixture documents.
using Runtimes = std::tuple<LinuxFixture>;

}  // namespace podsandbox::test
