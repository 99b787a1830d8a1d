#pragma once

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "services/containerd/registrar.hpp"
#include "test/containerd/companion_node.hpp"
#include "test/containerd/views.hpp"

namespace podsandbox::test {

using Ids = std::set<std::string>;

inline constexpr auto owner = "/state";
inline constexpr auto long_time = std::chrono::hours(1);

/// By default nothing is compared or repeated within the life of a test but what events ask for.
inline containerd_client::RegistrarSettings settings_with(
    std::chrono::nanoseconds compare_every = long_time,
    std::chrono::nanoseconds first_retry = std::chrono::milliseconds(20)) {
  containerd_client::RegistrarSettings settings;
  settings.owner = owner;
  settings.plan.compare_every = compare_every;
  settings.plan.first_retry = first_retry;
  settings.plan.create_after = settings.plan.remove_after = {};
  settings.plan.away_retry = std::chrono::milliseconds(50);
  return settings;
}

/// A registrar between our sandboxes and containerd.
class Node : public CompanionNode {
 public:
  explicit Node(const containerd_client::RegistrarSettings& settings = settings_with(),
                std::chrono::nanoseconds call_timeout = std::chrono::seconds(20))
      : CompanionNode(
            [settings](caf::actor_system& system, CallDesk& desk,
                       std::shared_ptr<containerd_client::Connection> containerd) {
              return containerd_client::spawn_registrar(system, desk, std::move(containerd), settings);
            },
            call_timeout) {}

  /// The registrar has compared and waits for events.
  void settle() {
    BOOST_REQUIRE(eventually([&] { return gateway->lists() > 0 && gateway->waiting() == 1; }));
  }

  void run(const std::string& id) { gateway->start(running_sandbox(id)); }
  bool has(const Ids& ids) {
    return eventually([&] { return containerd.ids() == ids; });
  }
};

}  // namespace podsandbox::test
