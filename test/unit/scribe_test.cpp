#include "actors/supervisor/scribe.hpp"

#include <boost/test/unit_test.hpp>

#include "actors/supervisor/restore.hpp"

namespace podsandbox {

namespace {

EventPtr event(std::uint64_t sequence) {
  Event made;
  made.sequence = sequence;
  return std::make_shared<const Event>(std::move(made));
}

std::optional<StoredSandbox> there(const std::string&) {
  return StoredSandbox{};
}

std::optional<StoredSandbox> gone(const std::string&) {
  return std::nullopt;
}

StoredSandbox stored_sandbox() {
  StoredSandbox stored;
  auto spec = std::make_shared<SandboxSpec>();
  spec->id = "a";
  stored.record.spec = spec;
  stored.boot_id = "boot";
  return stored;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scribe)

BOOST_AUTO_TEST_CASE(one_write_at_a_time_holds_all_that_changed) {
  Scribe scribe;
  BOOST_TEST(!scribe.begin(there));
  scribe.changed("a");
  scribe.changed("a");
  scribe.happened(event(1));
  BOOST_TEST(scribe.next() == 1U);
  const auto first = scribe.begin(there);
  BOOST_TEST(first->sandboxes.size() == 1U);
  BOOST_TEST(first->events.size() == 1U);
  scribe.changed("b");
  BOOST_TEST(scribe.next() == 2U);
  BOOST_TEST(!scribe.begin(there));
  BOOST_TEST(scribe.succeeded() == 1U);
  const auto second = scribe.begin(gone);
  BOOST_TEST(second->sandboxes.contains("b"));
  BOOST_TEST(!second->sandboxes.at("b").has_value());
  BOOST_TEST(scribe.succeeded() == 0U);
  BOOST_TEST(!scribe.begin(there));
}

BOOST_AUTO_TEST_CASE(what_failed_is_in_the_next_write_and_in_order) {
  Scribe scribe;
  scribe.changed("a");
  scribe.happened(event(1));
  (void)scribe.begin(there);
  scribe.changed("b");
  scribe.happened(event(2));
  scribe.failed();
  scribe.failed();  // of nothing
  const auto again = scribe.begin(there);
  BOOST_TEST(again->sandboxes.size() == 2U);
  BOOST_REQUIRE(again->events.size() == 2U);
  BOOST_TEST(again->events[0].sequence == 1U);
  BOOST_TEST(again->events[1].sequence == 2U);
  BOOST_TEST(scribe.latest() == 2U);
  BOOST_TEST(scribe.succeeded() == 2U);
}

BOOST_AUTO_TEST_CASE(which_write_holds_a_sandbox) {
  Scribe scribe;
  BOOST_TEST(!scribe.write_of("a"));
  scribe.changed("a");
  BOOST_TEST(*scribe.write_of("a") == 1U);
  BOOST_TEST(!scribe.write_of("b"));
  (void)scribe.begin(there);
  BOOST_TEST(*scribe.write_of("a") == 1U);
  scribe.changed("a");
  BOOST_TEST(*scribe.write_of("a") == 2U);
  (void)scribe.succeeded();
  (void)scribe.begin(gone);
  (void)scribe.succeeded();
  BOOST_TEST(!scribe.write_of("a"));
}

BOOST_AUTO_TEST_CASE(one_that_must_survive_a_power_cut_makes_the_write_do_so) {
  using journal::Survives;
  Scribe scribe;
  const auto next = [&] { return scribe.begin(there)->survives; };
  scribe.changed("a", Survives::process);
  BOOST_TEST((next() == Survives::process));
  (void)scribe.succeeded();
  scribe.changed("a", Survives::process);
  scribe.changed("b");
  scribe.changed("c", Survives::process);
  BOOST_TEST((next() == Survives::power_cut));
  scribe.failed();
  BOOST_TEST((next() == Survives::power_cut));  // again
  scribe.changed("a", Survives::process);
  (void)scribe.succeeded();
  BOOST_TEST((next() == Survives::process));
  scribe.happened(event(1));
  (void)scribe.succeeded();
  BOOST_TEST((next() == Survives::power_cut));  // watchers are told
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(restoring)

const RestoreTime now{Time(std::chrono::seconds(1000)),
                      std::chrono::steady_clock::time_point(std::chrono::seconds(5))};

BOOST_AUTO_TEST_CASE(a_start_that_nobody_was_told_of_is_undone) {
  auto stored = stored_sandbox();
  BOOST_TEST(!restore(stored, "boot", now).entry.record.removal_wanted);
  stored.record.start_wanted = true;
  BOOST_TEST(restore(stored, "boot", now).entry.record.removal_wanted);
}

BOOST_AUTO_TEST_CASE(one_that_somebody_may_have_been_told_of_is_kept) {
  auto stored = stored_sandbox();
  stored.record.start_wanted = true;
  stored.record.started = Started{};
  const auto restored = restore(stored, "boot", now);
  BOOST_TEST(!restored.entry.record.removal_wanted);
  BOOST_TEST(restored.entry.record.start_answered);
  BOOST_TEST(!restored.entry.record.exit.has_value());
  BOOST_TEST(restored.events.empty());
}

BOOST_AUTO_TEST_CASE(of_another_boot_it_is_dead) {
  auto stored = stored_sandbox();
  stored.record.start_wanted = true;
  stored.record.started = Started{};
  const auto restored = restore(stored, "another", now);
  BOOST_TEST(restored.entry.record.exit->status == unknown_exit_code);
  BOOST_REQUIRE(restored.events.size() == 1U);
  BOOST_TEST((restored.events[0].kind == EventKind::exited));
  stored.record.exit = Exit{7, Time{}};
  BOOST_TEST(restore(stored, "another", now).entry.record.exit->status == 7U);
}

BOOST_AUTO_TEST_CASE(a_queue_goes_on_as_it_was) {
  auto stored = stored_sandbox();
  stored.chores = {Removal{"a"}};
  stored.failures = 4;
  stored.last_error = "busy";
  stored.due = now.wall + std::chrono::seconds(30);
  stored.actors = 3;
  const auto entry = restore(stored, "boot", now).entry;
  BOOST_TEST(entry.actors == 3U);
  BOOST_TEST(!entry.chores.ready(now.steady + std::chrono::seconds(29)));
  BOOST_TEST(entry.chores.ready(now.steady + std::chrono::seconds(30)));
  const auto again = to_store(entry, now);
  BOOST_TEST((again.chores == stored.chores));
  BOOST_TEST(again.failures == 4U);
  BOOST_TEST(again.last_error == "busy");
  BOOST_TEST((again.due == stored.due));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox
