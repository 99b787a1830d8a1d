#include <boost/test/unit_test.hpp>

#include "services/linux/recovery_plan.hpp"

/// The whole table of what may be found of a sandbox.
namespace podsandbox::test {

namespace {

using namespace linux_runtime;

const std::string boot = "this boot";

host::ProcessRecord record(bool started, int pid = 10, const std::string& of_boot = boot) {
  host::ProcessRecord record;
  record.boot_id = of_boot;
  record.pid = pid;
  record.start_time = 100;
  record.started = started;
  return record;
}

Verdict verdict(std::optional<host::ProcessRecord> of, std::optional<KeptProcess> kept, bool alive = false) {
  return judge({std::move(of), kept, alive}, boot);
}

const KeptProcess runs{10, 100, false};
const KeptProcess dead{10, 100, true};

}  // namespace

BOOST_AUTO_TEST_SUITE(recovery_plan)

BOOST_AUTO_TEST_CASE(what_the_keeper_has_and_a_finished_start_recorded) {
  for (const auto& kept : {runs, dead}) BOOST_TEST((verdict(record(true), kept) == Verdict::take_up));
}

/// A pod that runs is not ended because somebody removed our files.
BOOST_AUTO_TEST_CASE(what_the_keeper_has_and_no_record_is_left_of) {
  for (const auto& kept : {runs, dead}) BOOST_TEST((verdict({}, kept) == Verdict::take_up));
}

BOOST_AUTO_TEST_CASE(a_start_that_was_not_finished_is_removed) {
  for (const int pid : {0, 10}) {
    for (const auto& of_boot : {boot, std::string("the one before")}) {
      for (const bool alive : {false, true}) {
        BOOST_TEST((verdict(record(false, pid, of_boot), {}, alive) == Verdict::remove));
      }
      BOOST_TEST((verdict(record(false, pid, of_boot), runs) == Verdict::remove));
      BOOST_TEST((verdict(record(false, pid, of_boot), dead) == Verdict::remove));
    }
  }
}

/// Another process than the recorded one, under the same id: of a start that came after, and was cut off.
BOOST_AUTO_TEST_CASE(a_kept_process_that_is_not_the_recorded_one) {
  BOOST_TEST((verdict(record(true), KeptProcess{11, 100, false}) == Verdict::remove));
  BOOST_TEST((verdict(record(true), KeptProcess{10, 101, false}) == Verdict::remove));
  BOOST_TEST((verdict(record(true, 10, "the one before"), runs) == Verdict::remove));
  // Of a dead one the start time may not be known any more.
  BOOST_TEST((verdict(record(true), KeptProcess{10, 0, true}) == Verdict::take_up));
}

BOOST_AUTO_TEST_CASE(without_its_keeper) {
  BOOST_TEST((verdict(record(true), {}, true) == Verdict::take_up_orphan));
  BOOST_TEST((verdict(record(true), {}, false) == Verdict::has_ended));
  BOOST_TEST((verdict(record(true, 10, "the one before"), {}, true) == Verdict::has_ended));
}

BOOST_AUTO_TEST_CASE(remains_wait_for_their_removal) {
  for (const bool alive : {false, true}) {
    BOOST_TEST((verdict(record(true, 0), {}, alive) == Verdict::keep_remains));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
