#include <boost/test/unit_test.hpp>
#include <vector>

#include "actors/recovery.hpp"
#include "actors/sandbox/lifecycle.hpp"

/// The whole table of what the journal may expect and what the runtime may have.
namespace podsandbox::test {

namespace {

using What = Found::What;

const Time now{std::chrono::seconds(1000)};
const Exit true_exit{7, Time(std::chrono::seconds(5))};

Found process(std::uint32_t pid = 10, std::uint64_t start_time = 100, std::optional<Exit> exit = {}) {
  return {What::process, {"a", pid, start_time, exit}};
}

/// What a runtime may have, by name.
const std::vector<std::pair<const char*, Found>> all_found{
    {"unasked", {What::unasked, {}}},           {"nothing", {What::nothing, {}}},
    {"remains", {What::remains, {}}},           {"runs", process()},
    {"has ended", process(10, 100, true_exit)}, {"another pid", process(11)},
    {"the pid, used again", process(10, 101)},
};

SandboxRecord started() {
  SandboxRecord record;
  record.start_wanted = record.start_answered = true;
  record.started.emplace();
  record.started->pid = 10;
  record.started->start_time = 100;
  return record;
}

Recovery plan(const SandboxRecord& record, const Found& found, bool same_boot = true) {
  return plan_recovery(&record, same_boot, found, now).what;
}

/// The same, whatever the runtime has and whichever boot it was.
void always(const SandboxRecord& record, Recovery expected) {
  for (const auto& [name, found] : all_found) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(to_string(plan(record, found, true)) == to_string(expected));
      BOOST_TEST(to_string(plan(record, found, false)) == to_string(expected));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recovery)

BOOST_AUTO_TEST_CASE(what_does_not_run_needs_no_runtime) {
  SandboxRecord record;
  for (const auto& [name, found] : all_found) {  // created
    BOOST_TEST(to_string(plan(record, found, true)) == to_string(Recovery::settled), name);
    BOOST_TEST(to_string(plan(record, found, false)) == to_string(Recovery::roll_back), name);
  }
  record.start_wanted = true;
  always(record, Recovery::roll_back);
  record.start_answered = true;
  always(record, Recovery::finish_start);
  record.removal_wanted = true;
  always(record, Recovery::finish_removal);

  record = started();
  record.exit = true_exit;
  always(record, Recovery::finish_cleanup);
  record.task_cleaned = true;
  always(record, Recovery::settled);
  record.removal_wanted = true;
  always(record, Recovery::finish_removal);
  record.all_cleaned = true;
  always(record, Recovery::settled);

  record = {};
  record.start_wanted = record.removal_wanted = true;
  record.start_failure = Error{ErrorKind::internal, "no"};
  always(record, Recovery::finish_removal);
}

BOOST_AUTO_TEST_CASE(what_ran_is_what_the_runtime_says) {
  const auto record = started();
  const std::vector<std::pair<Recovery, std::optional<Exit>>> expected{
      {Recovery::ask, {}},
      {Recovery::record_exit, Exit{unknown_exit_code, now}},
      {Recovery::record_exit, Exit{unknown_exit_code, now}},
      {Recovery::adopt, {}},
      {Recovery::record_exit, true_exit},
      {Recovery::record_exit, Exit{unknown_exit_code, now}},
      {Recovery::record_exit, Exit{unknown_exit_code, now}},
  };
  for (std::size_t i = 0; i < all_found.size(); ++i) {
    BOOST_TEST_CONTEXT(all_found[i].first) {
      const auto step = plan_recovery(&record, true, all_found[i].second, now);
      BOOST_TEST(to_string(step.what) == to_string(expected[i].first));
      BOOST_TEST((step.exit == expected[i].second));
      const bool guessed = step.exit && step.exit->status == unknown_exit_code;
      BOOST_TEST(step.why.empty() == !guessed);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_wish_is_followed_while_it_runs) {
  auto record = started();
  record.stop_wanted = true;
  BOOST_TEST((plan(record, process()) == Recovery::finish_stop));
  BOOST_TEST((plan(record, process(10, 100, true_exit)) == Recovery::record_exit));
  record.removal_wanted = true;
  BOOST_TEST((plan(record, process()) == Recovery::finish_removal));
}

/// Nothing of an earlier boot runs, whatever has its pid now.
BOOST_AUTO_TEST_CASE(another_boot_ends_everything) {
  for (const auto& [name, found] : all_found) {
    const auto record = started();
    const auto step = plan_recovery(&record, false, found, now);
    BOOST_TEST((step.what == Recovery::record_exit));
    BOOST_TEST((step.exit == Exit{unknown_exit_code, now}));
  }
}

BOOST_AUTO_TEST_CASE(what_the_journal_has_lost_goes_on_and_remains_are_reaped) {
  for (const auto& [name, found] : all_found) {
    auto expected = found.what == What::process ? Recovery::take_over : Recovery::settled;
    if (found.what == What::remains) expected = Recovery::reap;
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(to_string(plan_recovery(nullptr, true, found, now).what) == to_string(expected));
    }
  }
}

/// Where the plan says that something is to be finished, the state machine has a step to take, and only
/// there.
BOOST_AUTO_TEST_CASE(the_state_machine_goes_where_the_plan_says) {
  for (unsigned bits = 0; bits < 1U << 8U; ++bits) {
    SandboxRecord record = (bits & 1U) != 0 ? started() : SandboxRecord{};
    record.start_wanted = record.start_wanted || (bits & 2U) != 0;
    record.start_answered = (bits & 4U) != 0;
    if (record.started && (bits & 8U) != 0) record.exit = true_exit;
    record.task_cleaned = record.exit && (bits & 16U) != 0;
    record.removal_wanted = (bits & 32U) != 0;
    record.all_cleaned = record.removal_wanted && (record.exit || !record.started) && (bits & 64U) != 0;
    record.stop_wanted = record.start_wanted && (bits & 128U) != 0;
    const auto what = plan(record, process());
    if (what == Recovery::roll_back) continue;  // it becomes a removal
    const bool at_rest = what == Recovery::settled || what == Recovery::adopt;
    BOOST_TEST_CONTEXT("record " << bits << ", " << to_string(what)) {
      BOOST_TEST((next_step(record) == Step::none) == at_rest);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
