#include "actors/sandbox/lifecycle.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

/// The state machine, exhaustively: every wish and every fact in every state that can be reached.
namespace podsandbox {

namespace {

Started started_with(std::uint32_t pid) {
  Started started;
  started.pid = pid;
  return started;
}

struct Input {
  std::string name;
  std::function<void(Lifecycle&)> apply;
};

const std::vector<Input> wishes = {
    {"start", [](Lifecycle& l) { (void)l.want_start(); }},
    {"stop", [](Lifecycle& l) { l.want_stop(std::chrono::seconds(0)); }},
    {"remove", [](Lifecycle& l) { l.want_removal(); }},
};

/// What may come of a step, besides that it is tried again.
std::vector<Input> outcomes(const Lifecycle& life) {
  std::vector<Input> facts;
  switch (life.next()) {
    case Step::start:
      facts.push_back({"started", [](Lifecycle& l) { l.started(started_with(7)); }});
      facts.push_back({"start failed", [](Lifecycle& l) { l.start_failed(Error{}); }});
      break;
    case Step::kill:
      facts.push_back({"kill failed", [](Lifecycle& l) { l.stop_failed(); }});
      break;
    case Step::clean_task:
      facts.push_back({"task cleaned", [](Lifecycle& l) { l.task_cleaned(); }});
      break;
    case Step::clean_all:
      facts.push_back({"all cleaned", [](Lifecycle& l) { l.all_cleaned(); }});
      break;
    case Step::none:
      break;
  }
  if (life.running()) facts.push_back({"exit", [](Lifecycle& l) { l.exited(Exit{1, {}}); }});
  return facts;
}

std::string key(const Lifecycle& life) {
  const auto& r = life.record();
  std::string bits;
  for (const bool bit : {r.start_wanted, r.stop_wanted, r.removal_wanted, r.started.has_value(),
                         r.exit.has_value(), r.start_failure.has_value(), r.task_cleaned, r.all_cleaned}) {
    bits += bit ? '1' : '0';
  }
  return bits;
}

/// Every state that any order of wishes and facts can lead to.
std::map<std::string, Lifecycle> reachable_states() {
  std::map<std::string, Lifecycle> seen;
  std::vector<Lifecycle> todo = {Lifecycle(SandboxRecord{})};
  while (!todo.empty()) {
    const Lifecycle life = todo.back();
    todo.pop_back();
    if (!seen.emplace(key(life), life).second) continue;
    auto inputs = outcomes(life);
    inputs.insert(inputs.end(), wishes.begin(), wishes.end());
    for (const auto& input : inputs) {
      Lifecycle next = life;
      input.apply(next);
      todo.push_back(next);
    }
  }
  return seen;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lifecycle)

BOOST_AUTO_TEST_CASE(every_reachable_state_makes_sense) {
  const auto states = reachable_states();
  BOOST_TEST(states.size() > 15U);
  for (const auto& [name, life] : states) {
    BOOST_TEST_CONTEXT("state " << name << ", phase " << to_string(life.phase())) {
      const auto& record = life.record();
      BOOST_TEST(!(record.exit && !record.started));  // nothing exits that did not run
      BOOST_TEST((life.phase() != Phase::ready || life.running()));
      BOOST_TEST((life.phase() != Phase::gone || !life.running()));
      BOOST_TEST((life.phase() != Phase::gone || life.next() == Step::none));
      // A process that runs is never cleaned away: it is killed and its exit is known first.
      if (life.running()) BOOST_TEST((life.next() == Step::none || life.next() == Step::kill));
      // What has exited or failed is not started again.
      if (record.exit || record.start_failure) BOOST_TEST((life.next() != Step::start));
    }
  }
}

/// Whatever happened before: with every step succeeding, a wish is fulfilled after a few of them.
BOOST_AUTO_TEST_CASE(steps_lead_to_an_end_from_everywhere) {
  for (const auto& [name, start] : reachable_states()) {
    for (const auto& wish : wishes) {
      Lifecycle life = start;
      wish.apply(life);
      int steps = 0;
      while (life.next() != Step::none) {
        BOOST_REQUIRE_LT(steps++, 10);
        if (life.next() == Step::kill) {
          life.exited(Exit{137, {}});
        } else {
          outcomes(life).front().apply(life);
        }
      }
      BOOST_TEST_CONTEXT("state " << name << ", wish " << wish.name) {
        if (wish.name == "remove") BOOST_TEST((life.phase() == Phase::gone));
        if (wish.name == "stop") BOOST_TEST(!life.running());
      }
    }
  }
}

/// Facts are counted, wishes are not.
BOOST_AUTO_TEST_CASE(facts_are_what_is_no_wish) {
  for (const auto& [name, state] : reachable_states()) {
    for (const auto& wish : wishes) {
      Lifecycle life = state;
      wish.apply(life);
      BOOST_TEST(life.facts() == state.facts(), "state " << name << ", wish " << wish.name);
    }
    for (const auto& outcome : outcomes(state)) {
      Lifecycle life = state;
      outcome.apply(life);
      const bool is_fact = outcome.name != "kill failed";
      BOOST_TEST(life.facts() == state.facts() + (is_fact ? 1 : 0), "state " << name << ", " << outcome.name);
    }
  }
  Lifecycle updated(SandboxRecord{});
  updated.update(nullptr);
  BOOST_TEST(updated.facts() == 1U);
}

/// Only what is new is kept again.
BOOST_AUTO_TEST_CASE(a_wish_says_whether_it_is_new) {
  Lifecycle life(SandboxRecord{});
  BOOST_TEST(!life.want_stop(std::chrono::seconds(3)));  // it does not run
  BOOST_TEST(life.want_start().has_value());
  BOOST_TEST(life.want_stop(std::chrono::seconds(3)));
  BOOST_TEST(!life.want_stop(std::chrono::seconds(3)));
  BOOST_TEST(!life.want_stop(std::chrono::seconds(4)));
  BOOST_TEST(life.record().stop_grace.count() == 3);
  BOOST_TEST(life.want_stop(std::chrono::seconds(2)));
  BOOST_TEST(life.record().stop_grace.count() == 2);
  BOOST_TEST(life.want_removal());
  BOOST_TEST(!life.want_removal());
}

BOOST_AUTO_TEST_CASE(phases_of_an_ordinary_life) {
  Lifecycle life(SandboxRecord{});
  BOOST_TEST((life.phase() == Phase::created));
  BOOST_TEST(life.want_start().has_value());
  BOOST_TEST((life.phase() == Phase::starting));
  BOOST_TEST((life.next() == Step::start));
  life.started(started_with(7));
  BOOST_TEST((life.phase() == Phase::ready));
  BOOST_TEST((life.next() == Step::none));
  life.want_stop(std::chrono::seconds(3));
  BOOST_TEST((life.phase() == Phase::stopping));
  BOOST_TEST((life.next() == Step::kill));
  BOOST_TEST(life.exited(Exit{143, {}}));
  BOOST_TEST((life.phase() == Phase::notready));
  BOOST_TEST((life.next() == Step::clean_task));
  life.task_cleaned();
  BOOST_TEST((life.next() == Step::none));
  life.want_removal();
  BOOST_TEST((life.next() == Step::clean_all));
  life.all_cleaned();
  BOOST_TEST((life.phase() == Phase::gone));
}

BOOST_AUTO_TEST_CASE(the_first_exit_is_the_true_one) {
  Lifecycle life(SandboxRecord{});
  BOOST_TEST(!life.exited(Exit{1, {}}));
  (void)life.want_start();
  BOOST_TEST(!life.exited(Exit{1, {}}));
  life.started(started_with(7));
  BOOST_TEST(life.exited(Exit{2, {}}));
  BOOST_TEST(!life.exited(Exit{3, {}}));
  BOOST_TEST(life.record().exit->status == 2U);
}

BOOST_AUTO_TEST_CASE(a_start_is_refused_once_it_can_only_end) {
  Lifecycle removed(SandboxRecord{});
  removed.want_removal();
  BOOST_TEST((removed.want_start().error().kind == ErrorKind::failed_precondition));
  Lifecycle exited(SandboxRecord{});
  (void)exited.want_start();
  exited.started(started_with(7));
  exited.exited(Exit{});
  BOOST_TEST((exited.want_start().error().kind == ErrorKind::failed_precondition));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox
