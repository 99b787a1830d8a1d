#include <boost/test/unit_test.hpp>
#include <chrono>

#include "services/containerd/records.hpp"
#include "test/containerd/registrar_node.hpp"
#include "test/containerd/views.hpp"
#include "test/linux/eventually.hpp"

/// The registrar against a containerd that fails, hangs, goes and comes back.
namespace podsandbox::test {

using containerd_client::Connection;
using containerd_client::Container;
using containerd_client::make_marker;
using grpc::Status;
using grpc::StatusCode;

namespace {

Container marker(const std::string& id, const std::string& of = owner) {
  return make_marker(running_sandbox(id), of);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(registrar)

BOOST_AUTO_TEST_CASE(a_sandbox_has_its_record_from_start_to_removal) {
  Node node;
  node.containerd.start();
  node.begin();
  node.settle();
  node.gateway->start(running_sandbox("a", {{"app", "web"}}));
  BOOST_TEST(node.has({"a"}));
  const auto record = node.containerd.find("a");
  BOOST_REQUIRE(record);
  BOOST_TEST(record->labels().at("app") == "web");
  BOOST_TEST(record->SerializeAsString().size() ==
             make_marker(running_sandbox("a", {{"app", "web"}}), owner).SerializeAsString().size());
  node.run("b");
  BOOST_TEST(node.has({"a", "b"}));
  node.gateway->remove("a");
  BOOST_TEST(node.has({"b"}));
}

BOOST_AUTO_TEST_CASE(at_its_start_it_puts_right_what_it_finds) {
  Node node;
  auto users = marker("users");
  users.set_image("busybox");  // labels that a user chose
  for (const auto& record : {marker("kept"), marker("orphan"), marker("theirs", "/other"), users}) {
    node.containerd.put(record);
  }
  node.run("kept");
  node.run("missing");
  node.containerd.start();
  node.begin();
  BOOST_TEST(node.has({"kept", "missing", "theirs", "users"}));
  BOOST_TEST(node.containerd.count("Create kept") == 0U);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_was_not_started_has_none) {
  auto created = running_sandbox("created");
  created.phase = Phase::created;
  created.started.reset();
  Node node;
  node.gateway->start(created);
  node.containerd.start();
  node.begin();
  node.settle();
  node.gateway->start(created);  // an old event, of an earlier one
  node.run("a");
  BOOST_TEST(node.has({"a"}));
  node.run("b");
  BOOST_TEST(node.has({"a", "b"}));
  BOOST_TEST(node.containerd.count("Create created") == 0U);
}

/// A marker that was made while the records were listed belongs to a sandbox that our list must have.
BOOST_AUTO_TEST_CASE(sandboxes_are_listed_after_the_records) {
  Node node;
  node.containerd.put(marker("orphan"));
  node.containerd.hold("List");
  node.containerd.start();
  node.begin();
  BOOST_REQUIRE(eventually([&] { return node.containerd.count("List") == 1; }));
  BOOST_TEST(node.gateway->lists() == 0U);
  node.run("orphan");
  node.containerd.let_go("List");
  BOOST_REQUIRE(eventually([&] { return node.gateway->lists() >= 1; }));
  node.run("b");
  BOOST_TEST(node.has({"b", "orphan"}));
  BOOST_TEST(node.containerd.count("Delete orphan") == 0U);
}

BOOST_AUTO_TEST_CASE(events_that_were_missed_are_made_up_for) {
  Node node;
  node.containerd.start();
  node.begin();
  node.run("a");
  BOOST_TEST(node.has({"a"}));
  node.settle();
  node.gateway->lose_events([&] {
    node.run("b");
    node.gateway->remove("a");
  });
  BOOST_TEST(node.has({"b"}));
}

BOOST_AUTO_TEST_CASE(it_compares_now_and_then) {
  Node node(settings_with(std::chrono::milliseconds(20)));
  node.containerd.start();
  node.begin();
  node.run("a");
  BOOST_TEST(node.has({"a"}));
  node.containerd.erase("a");
  BOOST_TEST(node.has({"a"}));
  node.containerd.put(marker("orphan"));
  BOOST_TEST(node.has({"a"}));
}

// -- containerd fails ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_fails_is_tried_again_and_told_once) {
  Node node;
  node.containerd.start();
  node.containerd.answer("Create a", Status(StatusCode::INTERNAL, "the disk is full"));
  node.begin();
  node.settle();
  node.run("a");
  node.run("b");
  BOOST_TEST(node.has({"b"}));
  BOOST_TEST(eventually([&] { return node.containerd.count("Create a") >= 4; }));
  BOOST_TEST(node.log.count("a: its record in containerd cannot be made: the disk is full") == 1U);
  node.containerd.answer("Create a", Status::OK);
  BOOST_TEST(node.has({"a", "b"}));
  node.containerd.answer("Delete", Status(StatusCode::FAILED_PRECONDITION, "not now"));
  node.gateway->remove("a");
  BOOST_TEST(eventually([&] { return node.containerd.count("Delete a") >= 3; }));
  node.containerd.answer("Delete", Status::OK);
  BOOST_TEST(node.has({"b"}));
}

BOOST_AUTO_TEST_CASE(a_call_that_hangs_ends_by_itself_and_delays_no_other) {
  Node node(settings_with(), std::chrono::milliseconds(300));
  node.containerd.start();
  node.containerd.hold("Create a");
  node.begin();
  node.settle();
  node.run("a");
  BOOST_TEST(eventually([&] { return node.containerd.count("Create a") == 1; }));
  for (int n = 0; n < 20; ++n) node.run("b" + std::to_string(n));
  BOOST_TEST(eventually([&] { return node.containerd.ids().size() == 20; }));
  BOOST_TEST(eventually([&] { return node.containerd.count("Create a") >= 2; }));
  node.containerd.let_go("Create a");
  BOOST_TEST(eventually([&] { return node.containerd.ids().contains("a"); }));
}

BOOST_AUTO_TEST_CASE(at_most_eight_calls_at_once) {
  Node node;
  node.containerd.start();
  node.containerd.hold("Create");
  node.begin();
  node.settle();
  for (int n = 0; n < 50; ++n) node.run(std::to_string(n));
  BOOST_TEST(eventually([&] { return node.containerd.most_at_once() == 8; }));
  node.containerd.let_go("Create");
  BOOST_TEST(eventually([&] { return node.containerd.ids().size() == 50; }));
  BOOST_TEST(node.containerd.most_at_once() == 8U);
}

BOOST_AUTO_TEST_CASE(the_container_of_somebody_else_is_left_alone) {
  Node node;
  auto other = marker("a");
  other.mutable_labels()->erase("podsandboxd.io/marker");
  node.containerd.put(other);
  node.containerd.start();
  node.run("a");
  node.begin();
  BOOST_TEST(eventually([&] { return node.containerd.count("Get a") >= 2; }));
  BOOST_TEST(node.log.count("a: its record in containerd cannot be made: there is a container") == 1U);
  node.gateway->remove("a");
  node.run("b");
  BOOST_TEST(node.has({"a", "b"}));
  BOOST_TEST(node.containerd.count("Delete a") == 0U);
}

// -- containerd goes and comes back ------------------------------------------------

BOOST_AUTO_TEST_CASE(containerd_may_be_started_later) {
  Node node;
  node.begin();
  node.run("a");
  BOOST_TEST(eventually([&] { return node.log.count("containerd does not answer") == 1; }));
  node.containerd.start();
  BOOST_TEST(node.has({"a"}));
  BOOST_TEST(node.log.count("containerd answers") == 1U);
  BOOST_TEST(node.log.count("containerd does not answer") == 1U);
}

BOOST_AUTO_TEST_CASE(containerd_may_restart) {
  Node node;
  node.containerd.start();
  node.run("a");
  node.run("b");
  node.begin();
  BOOST_TEST(node.has({"a", "b"}));
  for (std::size_t n = 1; n <= 3; ++n) {
    node.containerd.stop();
    node.run("c");  // learns by it that containerd is away
    BOOST_TEST(eventually([&] { return node.log.count("containerd does not answer") == n; }));
    node.gateway->remove("a");
    node.containerd.erase("b");
    node.containerd.start();
    BOOST_TEST(node.has({"b", "c"}));
    node.gateway->remove("c");
    node.run("a");
    BOOST_TEST(node.has({"a", "b"}));
  }
  BOOST_TEST(node.log.count("a: ") + node.log.count("b: ") + node.log.count("c: ") == 0U);
}

BOOST_AUTO_TEST_CASE(calls_that_containerds_end_cuts_off_are_made_up_for) {
  Node node;
  node.containerd.start();
  node.begin();
  node.settle();
  node.containerd.hold("Create");
  for (int n = 0; n < 20; ++n) node.run(std::to_string(n));
  BOOST_TEST(eventually([&] { return node.containerd.most_at_once() == 8; }));
  node.containerd.stop();
  node.containerd.let_go("Create");
  node.containerd.start();
  BOOST_TEST(eventually([&] { return node.containerd.ids().size() == 20; }));
}

// -- the registrar itself dies -------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_successor_goes_on) {
  Node node;
  node.containerd.start();
  node.containerd.hold("Create");
  node.begin();
  node.settle();
  node.run("a");
  BOOST_TEST(eventually([&] { return node.containerd.count("Create a") == 1; }));
  node.end();
  node.run("b");
  node.begin();
  node.containerd.let_go("Create");
  BOOST_TEST(node.has({"a", "b"}));
  node.end();
  node.gateway->remove("a");
  node.begin();
  BOOST_TEST(node.has({"b"}));
}

/// Whoever ends the daemon does not wait for a containerd that hangs.
BOOST_AUTO_TEST_CASE(its_end_waits_for_no_call) {
  std::optional<Node> node(std::in_place, settings_with(), std::chrono::minutes(30));
  node->containerd.start();
  node->containerd.hold("List");
  node->begin();
  BOOST_TEST(eventually([&] { return node->containerd.count("List") == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  node.reset();
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(10)));
}

/// Its calls end when it does, so that nothing calls back later.
BOOST_AUTO_TEST_CASE(a_connection_ends_with_its_calls) {
  FakeContainerd containerd;
  containerd.start();
  containerd.hold("List");
  std::atomic<int> cancelled = 0;
  std::optional<Connection> connection(std::in_place, containerd.socket(), std::chrono::minutes(30));
  for (int n = 0; n < 3; ++n) {
    list_markers(*connection, [&](const Result<std::vector<Container>>& result) {
      if (!result && result.error().kind == ErrorKind::cancelled) ++cancelled;
    });
  }
  BOOST_TEST(eventually([&] { return containerd.count("List") >= 1; }));
  connection.reset();
  BOOST_TEST(cancelled == 3);
}

// -- CRI's settings --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_cri_that_is_configured_otherwise_is_told_of_whenever_it_comes_back) {
  auto settings = settings_with();
  settings.cri.root_dir = "/ours";
  Node node(settings);
  node.containerd.set_cri_config(
      R"({"rootDir": "/theirs", "containerd": {"runtimes": {"r": {"sandboxer": "podsandboxd"}}}})");
  node.containerd.answer("Status", Status(StatusCode::UNAVAILABLE, "CRI is not ready yet"));
  node.containerd.start();
  node.begin();
  BOOST_TEST(eventually([&] { return node.containerd.count("Status") >= 2; }));
  BOOST_TEST(node.log.count("does not answer") == 0U);  // CRI is not containerd
  node.containerd.answer("Status", Status::OK);
  BOOST_TEST(eventually([&] { return node.log.count("\"/theirs\"") == 1; }));
  node.containerd.stop();
  node.run("a");
  BOOST_TEST(eventually([&] { return node.log.count("does not answer") == 1; }));
  node.containerd.start();
  BOOST_TEST(eventually([&] { return node.log.count("\"/theirs\"") == 2; }));
}

/// The same is told once, however often it is compared; what is different is told.
BOOST_AUTO_TEST_CASE(a_cri_that_is_configured_anew_is_told_of_without_its_restart_being_noticed) {
  auto settings = settings_with(std::chrono::milliseconds(20));
  settings.cri.root_dir = "/ours";
  Node node(settings);
  const std::string rest = R"(, "containerd": {"runtimes": {"r": {"sandboxer": "podsandboxd"}}}})";
  node.containerd.set_cri_config(R"({"rootDir": "/theirs")" + rest);
  node.containerd.start();
  node.begin();
  BOOST_TEST(eventually([&] { return node.containerd.count("Status") >= 5; }));
  node.containerd.set_cri_config(R"({"rootDir": "/other")" + rest);
  BOOST_TEST(eventually([&] { return node.log.count("\"/other\"") == 1; }));
  BOOST_TEST(node.log.count("\"/theirs\"") == 1U);
}

BOOST_AUTO_TEST_CASE(a_containerd_may_be_without_cri) {
  Node node;
  node.containerd.answer("Status", Status(StatusCode::UNIMPLEMENTED, "unknown service"));
  node.containerd.start();
  node.run("a");
  node.begin();
  BOOST_TEST(node.has({"a"}));
  BOOST_TEST(eventually([&] { return node.containerd.count("Status") >= 1; }));
  BOOST_TEST(node.log.count("CRI") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
