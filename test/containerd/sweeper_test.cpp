#include "services/containerd/sweeper.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <set>

#include "test/containerd/companion_node.hpp"
#include "test/containerd/views.hpp"

/// The sweeper against a containerd that fails, hangs, goes and comes back.
namespace podsandbox::test {

using containerd_client::SweeperSettings;
using grpc::Status;
using grpc::StatusCode;
using std::chrono::milliseconds;
using Ids = std::set<std::string>;

namespace {

struct Options {
  milliseconds grace{100};
  bool dry_run = false;
  std::chrono::nanoseconds call_timeout = std::chrono::seconds(20);
};

class Swept : public CompanionNode {
 public:
  explicit Swept(const Options& options = {})
      : CompanionNode(
            [options](caf::actor_system& system, CallDesk& desk,
                      std::shared_ptr<containerd_client::Connection> containerd) {
              const SweeperSettings settings{{options.grace, options.dry_run}, milliseconds(10)};
              return containerd_client::spawn_sweeper(system, desk, std::move(containerd), settings);
            },
            options.call_timeout),
        grace_(options.grace) {}

  /// Somebody knows of it.
  void run(const std::string& id) {
    containerd.know(id);
    gateway->start(cri_sandbox(id));
  }
  void run_lost(const std::string& id) { gateway->start(cri_sandbox(id)); }

  bool has(const Ids& ids) {
    return eventually([&] { return gateway->ids() == ids; });
  }

  /// So many more looks, also at a containerd that is away, and twice the grace.
  void let_look(std::size_t times = 20) {
    const auto end = std::chrono::steady_clock::now() + 2 * grace_;
    const auto last = gateway->lists() + times;
    BOOST_REQUIRE(
        eventually([&] { return gateway->lists() >= last && std::chrono::steady_clock::now() > end; }));
  }

  /// containerd is there again; the same, from when that was noticed.
  void come_back() {
    const auto asked = containerd.count("ListSandboxes");
    containerd.start();
    BOOST_REQUIRE(eventually([&] { return containerd.count("ListSandboxes") > asked; }));
    let_look();
  }

 private:
  milliseconds grace_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sweeper)

BOOST_AUTO_TEST_CASE(who_has_no_record_is_shut_down) {
  Swept node;
  node.containerd.start();
  node.run("pod");
  node.run_lost("lost");
  node.gateway->start(running_sandbox("mine"));
  node.begin();
  BOOST_TEST(node.has({"mine", "pod"}));
  BOOST_TEST(node.log.count("lost: containerd has no record of it") == 1U);
  BOOST_TEST(node.log.count("lost: containerd has had no record of it for 0.1 s: it is removed") == 1U);
  node.run("next");
  node.containerd.forget("next");
  BOOST_TEST(node.has({"mine", "pod"}));
  node.let_look();
  BOOST_TEST(node.gateway->ids() == (Ids{"mine", "pod"}));
}

/// The supervisor tries again; asking anew each time would be at once each time.
BOOST_AUTO_TEST_CASE(a_removal_that_fails_is_left_to_the_supervisor) {
  Swept node;
  node.containerd.start();
  node.gateway->fail_shutdowns(Error{ErrorKind::internal, "the cgroup is busy"});
  node.run("pod");
  node.run_lost("lost");
  node.begin();
  BOOST_TEST(eventually([&] { return node.gateway->shutdowns("lost") == 1; }));
  node.let_look();
  BOOST_TEST(node.gateway->shutdowns("lost") == 1U);
}

BOOST_AUTO_TEST_CASE(a_dry_run_removes_nothing) {
  Swept node({.dry_run = true});
  node.containerd.start();
  node.run("pod");
  node.run_lost("lost");
  node.begin();
  BOOST_TEST(eventually([&] { return node.log.count("lost: containerd has no record of it") == 1; }));
  node.let_look();
  BOOST_TEST(node.gateway->ids() == (Ids{"lost", "pod"}));
}

/// A record is made before its sandbox: one that is made while we look must not be missed.
BOOST_AUTO_TEST_CASE(ours_are_listed_before_theirs) {
  Swept node;
  node.containerd.start();
  node.containerd.hold("ListSandboxes");
  node.run("pod");
  node.begin();
  BOOST_REQUIRE(eventually([&] { return node.containerd.count("ListSandboxes") == 1; }));
  BOOST_TEST(node.gateway->lists() == 1U);
  node.run("next");
  node.containerd.let_go("ListSandboxes");
  node.let_look();
  BOOST_TEST(node.gateway->ids() == (Ids{"next", "pod"}));
  BOOST_TEST(node.log.count("next: ") == 0U);
}

/// While containerd was asked, somebody removed it and made another one of its id.
BOOST_AUTO_TEST_CASE(only_the_one_that_was_found_is_removed) {
  const auto grace = std::chrono::seconds(1);
  Swept node({.grace = grace});
  node.containerd.start();
  node.run("pod");
  node.run_lost("lost");
  node.begin();
  BOOST_REQUIRE(eventually([&] { return node.log.count("lost: containerd has no record of it") == 1; }));
  node.containerd.hold("ListSandboxes");
  const auto held = node.containerd.count("ListSandboxes");
  BOOST_REQUIRE(eventually([&] { return node.containerd.count("ListSandboxes") == held + 1; }));
  const auto due = std::chrono::steady_clock::now() + grace;
  BOOST_REQUIRE(eventually([&] { return std::chrono::steady_clock::now() > due; }));
  node.gateway->remove("lost");
  node.gateway->start(cri_sandbox("lost"));
  node.containerd.let_go("ListSandboxes");
  BOOST_TEST(eventually([&] { return node.log.count("lost: containerd has had no record of it") == 1; }));
  BOOST_TEST(eventually([&] { return node.log.count("lost: containerd has no record of it") == 2; }));
  BOOST_TEST(node.gateway->shutdowns("lost") == 0U);
  BOOST_TEST(node.has({"pod"}));
}

// -- containerd fails, hangs, goes and comes back -----------------------------------

BOOST_AUTO_TEST_CASE(a_containerd_that_cannot_list_costs_nothing_and_is_told_of_once) {
  Swept node;
  node.containerd.start();
  node.containerd.answer("ListSandboxes", Status(StatusCode::INTERNAL, "the database is corrupt"));
  node.run("pod");
  node.run_lost("lost");
  node.begin();
  node.let_look();
  BOOST_TEST(node.gateway->ids() == (Ids{"lost", "pod"}));
  BOOST_TEST(node.log.count("cannot be listed") == 1U);
  BOOST_TEST(node.log.count("the database is corrupt") == 1U);
  node.containerd.answer("ListSandboxes", Status::OK);
  BOOST_TEST(node.has({"pod"}));
}

BOOST_AUTO_TEST_CASE(a_containerd_that_hangs_costs_nothing) {
  Swept node({.call_timeout = milliseconds(50)});
  node.containerd.start();
  node.containerd.hold("ListSandboxes");
  node.run("pod");
  node.run_lost("lost");
  node.begin();
  node.let_look(5);
  BOOST_TEST(node.gateway->ids() == (Ids{"lost", "pod"}));
  node.containerd.let_go("ListSandboxes");
  BOOST_TEST(node.has({"pod"}));
}

BOOST_AUTO_TEST_CASE(a_containerd_that_never_knew_one_of_ours_costs_nothing) {
  Swept node;
  node.containerd.start();
  node.containerd.know("somebody-elses");
  for (const auto* id : {"a", "b"}) node.run_lost(id);
  node.begin();
  node.let_look();
  BOOST_TEST(node.gateway->ids() == (Ids{"a", "b"}));
  BOOST_TEST(node.log.count("is containerd.address the containerd that uses this daemon?") == 1U);
}

BOOST_AUTO_TEST_CASE(a_containerd_that_comes_back_without_its_records_costs_nothing) {
  Swept node;
  node.containerd.start();
  for (const auto* id : {"a", "b"}) node.run(id);
  node.begin();
  node.let_look();
  node.containerd.stop();
  for (const auto* id : {"a", "b"}) node.containerd.forget(id);
  node.come_back();
  BOOST_TEST(node.gateway->ids() == (Ids{"a", "b"}));
  BOOST_TEST(node.log.count("a: ") + node.log.count("b: ") == 0U);
}

/// It may be another one, and the pod by which the first was trusted is gone.
BOOST_AUTO_TEST_CASE(a_containerd_that_comes_back_must_show_one_again) {
  Swept node;
  node.containerd.start();
  node.run("pod");
  node.begin();
  node.let_look();
  node.containerd.stop();
  node.let_look();
  node.gateway->remove("pod");
  node.containerd.forget("pod");
  node.run_lost("lost");
  node.come_back();
  BOOST_TEST(node.gateway->ids() == Ids{"lost"});
  node.run("next");
  BOOST_TEST(node.has({"next"}));
}

BOOST_AUTO_TEST_CASE(containerd_may_restart) {
  Swept node;
  node.begin();  // before it is there
  node.run("pod");
  node.run_lost("lost");
  for (int n = 0; n < 3; ++n) {
    node.containerd.start();
    BOOST_TEST(node.has({"pod"}));
    node.containerd.stop();
    node.run_lost("lost");
    BOOST_TEST(node.log.count("pod: ") == 0U);
  }
  node.let_look();
  BOOST_TEST(node.gateway->ids() == (Ids{"lost", "pod"}));
}

// -- the sweeper itself dies -----------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_successor_looks_at_everything_anew) {
  Swept node;
  node.containerd.start();
  node.run("pod");
  node.run_lost("lost");
  node.containerd.hold("ListSandboxes");
  node.begin();
  BOOST_REQUIRE(eventually([&] { return node.containerd.count("ListSandboxes") == 1; }));
  node.end();
  node.containerd.let_go("ListSandboxes");
  node.begin();
  BOOST_TEST(node.has({"pod"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
