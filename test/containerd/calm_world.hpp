#pragma once

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include "test/containerd/plan_world.hpp"

namespace podsandbox::test {

/// A world that has compared once and is at rest.
struct Calm : PlanWorld {
  explicit Calm(const containerd_client::PlanSettings& settings = at_once()) : PlanWorld(settings) {
    settle();
    log.clear();
    notes.clear();
  }
  ~Calm() { BOOST_TEST(violations == std::vector<std::string>(), boost::test_tools::per_element()); }

  /// What containerd was asked since the last time.
  std::vector<std::string> asked() { return std::exchange(log, {}); }
};

}  // namespace podsandbox::test
