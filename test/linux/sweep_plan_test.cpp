#include "services/linux/sweep_plan.hpp"

#include <boost/test/unit_test.hpp>

namespace podsandbox::test {

namespace {

using namespace linux_runtime;
using namespace std::chrono_literals;

using Traces = std::vector<Trace>;

const Trace cgroup{"box", TraceKind::cgroup, "/a/box"};
const Trace directory{"box", TraceKind::directory, "/cri/sandboxes/box"};

constexpr auto grace = 60s;

// One look every ten seconds.
struct Looks {
  explicit Looks(bool dry_run = false) : plan({grace, dry_run, 20s}) {}

  SweepPlan::Findings look(const FoundTraces& found, const Known& known = {}) {
    now += 10s;
    return plan.looked(found, known, now);
  }
  /// The looks, of so many, that said so.
  unsigned count(unsigned looks, const FoundTraces& found, Traces SweepPlan::Findings::*said) {
    unsigned times = 0;
    for (unsigned i = 0; i < looks; ++i) times += (look(found).*said).empty() ? 0 : 1;
    return times;
  }

  SweepPlan plan;
  SweepPlan::Time now;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sweep_plan)

BOOST_AUTO_TEST_CASE(told_once_and_removed_after_the_grace) {
  for (const auto& trace : {cgroup, directory}) {
    Looks looks;
    BOOST_TEST(looks.look({{trace, false}}).news.empty());
    BOOST_TEST(looks.plan.has_doubts());
    BOOST_TEST((looks.look({{trace, false}}).news == Traces{trace}));
    BOOST_TEST(!looks.plan.has_doubts());
    for (int i = 2; i < 6; ++i) {
      const auto found = looks.look({{trace, false}});
      BOOST_TEST((found.news.empty() && found.overdue.empty()), i);
    }
    // And then until it is gone.
    for (int i = 0; i < 3; ++i) {
      const auto found = looks.look({{trace, false}});
      BOOST_TEST(found.news.empty());
      BOOST_TEST((found.overdue == Traces{trace}));
    }
    const auto gone = looks.look({});
    BOOST_TEST((gone.news.empty() && gone.overdue.empty()));
  }
}

BOOST_AUTO_TEST_CASE(what_is_known_is_never_found) {
  Known known;
  known.ids = {"box"};
  known.add_cgroup("/a/box");
  Looks looks;
  for (int i = 0; i < 20; ++i) {
    const auto found =
        looks.look({{cgroup, false}, {directory, false}, {{"a", TraceKind::cgroup, "/a"}, false}}, known);
    BOOST_TEST((found.news.empty() && found.overdue.empty()));
  }
}

// The cgroup of a sandbox is known by its path: one of that name elsewhere is not the sandbox's.
BOOST_AUTO_TEST_CASE(known_by_what_it_has) {
  Known known;
  known.ids = {"box"};
  known.add_cgroup("/b/box");
  BOOST_TEST(known.knows(directory));
  BOOST_TEST(!known.knows(cgroup));
  BOOST_TEST(known.knows({"b", TraceKind::cgroup, "/b"}));
  BOOST_TEST(!known.knows({"inner", TraceKind::cgroup, "/b/box/inner"}));
  BOOST_TEST(!known.knows({"bo", TraceKind::cgroup, "/b/bo"}));
}

// One that a sandbox had, which came or went during the look.
BOOST_AUTO_TEST_CASE(found_once_is_no_news) {
  Looks looks;
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(looks.look({{cgroup, false}}).news.empty());
    BOOST_TEST(looks.look({}).news.empty());
    BOOST_TEST(!looks.plan.has_doubts());
  }
}

// Known for a while, it begins anew.
BOOST_AUTO_TEST_CASE(the_grace_begins_with_the_first_look_that_finds_it_unknown) {
  Known known;
  known.add_cgroup("/a/box");
  Looks looks;
  BOOST_TEST(looks.count(6, {{cgroup, false}}, &SweepPlan::Findings::overdue) == 0U);
  looks.look({{cgroup, false}}, known);
  BOOST_TEST(looks.count(6, {{cgroup, false}}, &SweepPlan::Findings::overdue) == 0U);
  BOOST_TEST(looks.count(1, {{cgroup, false}}, &SweepPlan::Findings::overdue) == 1U);
}

// A pod seems to live in it: neither it goes nor what has its name.
BOOST_AUTO_TEST_CASE(in_use) {
  const Trace other{"other", TraceKind::directory, "/cri/sandboxes/other"};
  const FoundTraces lives{{cgroup, true}, {directory, false}, {other, false}};
  Looks looks;
  looks.look(lives);
  BOOST_TEST((looks.look(lives).news == Traces{cgroup, directory, other}));
  for (int i = 0; i < 4; ++i) looks.look(lives);
  for (int i = 0; i < 10; ++i) BOOST_TEST((looks.look(lives).overdue == Traces{other}));
  // It has waited for long enough.
  BOOST_TEST((looks.look({{cgroup, false}, {directory, false}}).overdue == Traces{cgroup, directory}));
}

BOOST_AUTO_TEST_CASE(dry_run) {
  Looks looks(true);
  const FoundTraces found{{cgroup, false}, {directory, false}};
  BOOST_TEST(looks.count(30, found, &SweepPlan::Findings::news) == 1U);
  BOOST_TEST(looks.count(30, found, &SweepPlan::Findings::overdue) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
