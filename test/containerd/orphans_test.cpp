#include "services/containerd/orphans.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "test/containerd/views.hpp"

/// Which sandboxes nobody knows of. What is removed cannot be had back, so most of this is about when nothing
/// is.
namespace podsandbox::test {

using containerd_client::Orphans;
using containerd_client::OrphanSettings;
using std::chrono::minutes;
using std::chrono::seconds;
using Ids = std::set<std::string>;

namespace {

constexpr auto grace = seconds(60);

/// Our sandboxes, containerd's records, and the looks at both, which are 20 s apart.
struct Sky {
  explicit Sky(OrphanSettings settings = {grace, false}) : orphans(settings) {}

  void create(const std::string& id) { ours.insert_or_assign(id, cri_sandbox(id)); }
  void create_by_hand(const std::string& id) { ours.insert_or_assign(id, running_sandbox(id)); }

  /// The ids of those to be removed.
  Ids look(const Ids& records, std::chrono::nanoseconds later = seconds(20)) {
    now += later;
    std::vector<SandboxView> views;
    for (const auto& [id, view] : ours) views.push_back(view);
    const auto found = orphans.looked(views, records, now);
    for (const auto& note : found.notes) notes.push_back(note.sandbox + ": " + note.text);
    Ids overdue;
    for (const auto& view : found.overdue) overdue.insert(view.spec->id);
    return overdue;
  }

  void away() {
    now += seconds(20);
    orphans.away();
  }

  std::size_t told(const std::string& part) const {
    return static_cast<std::size_t>(std::count_if(
        notes.begin(), notes.end(), [&](const auto& note) { return note.find(part) != std::string::npos; }));
  }

  std::map<std::string, SandboxView> ours;
  Orphans orphans;
  Orphans::Time now;
  std::vector<std::string> notes;
};

const Ids nothing;

}  // namespace

BOOST_AUTO_TEST_SUITE(orphans)

BOOST_AUTO_TEST_CASE(one_without_a_record_is_told_of_and_removed_after_the_grace) {
  Sky sky;
  sky.create("pod");
  sky.create("lost");
  BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.told("lost: containerd has no record of it") == 1U);
  BOOST_TEST(sky.told("(it is ready here)") == 1U);
  BOOST_TEST(sky.told("in 60 s") == 1U);
  BOOST_TEST(sky.told("`podsandboxctl shutdown lost`") == 1U);
  BOOST_TEST(sky.told("orphans.dry_run = true keeps it") == 1U);
  BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.notes.size() == 1U);
  BOOST_TEST(sky.look({"pod"}) == Ids{"lost"});
  BOOST_TEST(sky.told("lost: containerd has had no record of it for 60 s: it is removed") == 1U);
}

/// From then on the supervisor tries, in its own time.
BOOST_AUTO_TEST_CASE(what_is_to_be_removed_is_told_once) {
  Sky sky;
  sky.create("pod");
  sky.create("lost");
  for (int n = 0; n < 3; ++n) BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.look({"pod"}) == Ids{"lost"});
  for (int n = 0; n < 9; ++n) BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.notes.size() == 2U);
}

BOOST_AUTO_TEST_CASE(who_has_a_record_or_did_not_come_through_containerd_is_left_alone) {
  Sky sky;
  sky.create("pod");
  sky.create_by_hand("mine");
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({"pod", "runc"}) == nothing);
  BOOST_TEST(sky.notes.empty());
}

BOOST_AUTO_TEST_CASE(one_that_is_known_again_is_forgotten) {
  Sky sky;
  sky.create("pod");
  sky.create("lost");
  for (int n = 0; n < 3; ++n) sky.look({"pod"});
  BOOST_TEST(sky.look({"lost", "pod"}) == nothing);
  BOOST_TEST(sky.told("lost: containerd knows it again") == 1U);
  for (int n = 0; n < 3; ++n) BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.look({"pod"}) == Ids{"lost"});
}

BOOST_AUTO_TEST_CASE(one_that_is_gone_is_forgotten_and_another_of_its_id_starts_anew) {
  for (const bool seen_gone : {true, false}) {
    Sky sky;
    sky.create("pod");
    sky.create("lost");
    for (int n = 0; n < 3; ++n) sky.look({"pod"});
    if (seen_gone) {
      sky.ours.erase("lost");
      BOOST_TEST(sky.look({"pod"}) == nothing);
    }
    sky.create("lost");
    for (int n = 0; n < 3; ++n) BOOST_TEST(sky.look({"pod"}) == nothing);
    BOOST_TEST(sky.told("lost: containerd has no record of it") == 2U);
    BOOST_TEST(sky.look({"pod"}) == Ids{"lost"});
  }
}

BOOST_AUTO_TEST_CASE(a_dry_run_only_tells) {
  Sky sky({grace, true});
  sky.create("pod");
  sky.create("lost");
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.notes.size() == 1U);
  BOOST_TEST(sky.told("It stays, as orphans.dry_run says; `podsandboxctl shutdown lost` removes it") == 1U);
}

// -- when containerd is away -----------------------------------------------------

BOOST_AUTO_TEST_CASE(time_without_an_answer_does_not_count) {
  Sky sky;
  sky.create("pod");
  sky.create("lost");
  for (int n = 0; n < 3; ++n) BOOST_TEST(sky.look({"pod"}) == nothing);  // seen for 40 s
  for (int n = 0; n < 100; ++n) sky.away();
  BOOST_TEST(sky.look({"pod"}) == nothing);
  sky.away();
  BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.look({"pod"}) == Ids{"lost"});
  BOOST_TEST(sky.told("lost: containerd has no record of it") == 1U);
}

// -- which containerd is trusted ---------------------------------------------------

/// As one would be that another daemon serves: nothing of ours is there.
BOOST_AUTO_TEST_CASE(a_containerd_that_never_knew_one_of_ours_costs_nothing) {
  Sky sky;
  for (const auto* id : {"a", "b", "c"}) sky.create(id);
  BOOST_TEST(sky.look({"runc"}) == nothing);
  BOOST_TEST(sky.notes.empty());  // a record may just have gone, and its sandbox be about to
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({"runc"}, minutes(1)) == nothing);
  BOOST_TEST(sky.notes.size() == 1U);
  BOOST_TEST(sky.told(": containerd has no record of any of the 3 sandboxes") == 1U);
  BOOST_TEST(sky.told("is containerd.address the containerd that uses this daemon?") == 1U);
}

BOOST_AUTO_TEST_CASE(nothing_is_suspected_of_a_node_without_pods) {
  Sky sky;
  sky.create_by_hand("mine");
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({}) == nothing);
  BOOST_TEST(sky.notes.empty());
}

BOOST_AUTO_TEST_CASE(time_before_it_is_trusted_does_not_count) {
  Sky sky;
  sky.create("lost");
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({}) == nothing);
  sky.create("pod");
  for (int n = 0; n < 3; ++n) BOOST_TEST(sky.look({"pod"}) == nothing);
  BOOST_TEST(sky.look({"pod"}) == Ids{"lost"});
}

/// The one pod may go before the grace is over.
BOOST_AUTO_TEST_CASE(one_pod_is_enough_to_trust_it) {
  Sky sky;
  sky.create("pod");
  sky.create("lost");
  BOOST_TEST(sky.look({"pod"}) == nothing);
  sky.ours.erase("pod");
  for (int n = 0; n < 2; ++n) BOOST_TEST(sky.look({}) == nothing);
  BOOST_TEST(sky.look({}) == Ids{"lost"});
}

BOOST_AUTO_TEST_CASE(a_containerd_that_comes_back_must_show_one_again) {
  Sky sky;
  for (const auto* id : {"a", "b"}) sky.create(id);
  sky.look({"a", "b"});
  sky.away();
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({}) == nothing);
  sky.create("c");
  for (int n = 0; n < 3; ++n) BOOST_TEST(sky.look({"c"}) == nothing);
  BOOST_TEST(sky.look({"c"}) == (Ids{"a", "b"}));
}

/// Another one, or the same with an empty database; that it was away has escaped us.
BOOST_AUTO_TEST_CASE(a_containerd_that_has_lost_all_its_records_is_not_trusted) {
  Sky sky;
  for (const auto* id : {"a", "b", "lost"}) sky.create(id);
  sky.look({"a", "b"});
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({}) == nothing);
  BOOST_TEST(sky.told("of the 3 sandboxes") == 1U);
  BOOST_TEST(sky.look({"a", "b"}) == nothing);
  for (int n = 0; n < 100; ++n) BOOST_TEST(sky.look({}) == nothing);
  BOOST_TEST(sky.told("of the 3 sandboxes") == 2U);
}

// -- all that can happen --------------------------------------------------------

namespace {

enum class Is { absent, known, unknown, another };  // another: of the same id, unknown too

struct Moment {
  bool away = false;
  std::array<Is, 2> pods{};
};

/// What must be true, said of the whole history: nothing is remembered from one look to the next.
struct History {
  std::vector<Moment> moments;

  bool there(std::size_t at, std::size_t pod) const { return moments[at].pods.at(pod) != Is::absent; }
  bool known(std::size_t at, std::size_t pod) const { return moments[at].pods.at(pod) == Is::known; }
  bool unknown(std::size_t at, std::size_t pod) const { return there(at, pod) && !known(at, pod); }

  bool trusted(std::size_t at) const {
    if (moments[at].away) return false;
    if (known(at, 0) || known(at, 1)) return true;
    if (at == 0 || !trusted(at - 1)) return false;
    for (const std::size_t pod : {0U, 1U}) {
      if (known(at - 1, pod) && moments[at].pods.at(pod) == Is::unknown) return false;
    }
    return true;
  }

  /// For how many times the pause between two looks it was seen to be unknown.
  unsigned seen(std::size_t until, std::size_t pod) const {
    unsigned times = 0;
    for (std::size_t at = 0; at <= until; ++at) {
      const auto is = moments[at].pods.at(pod);
      if (moments[at].away) continue;
      if (is != Is::unknown) times = 0;
      if (at == 0 || is != Is::unknown || !trusted(at) || !trusted(at - 1)) continue;
      if (unknown(at - 1, pod)) ++times;
    }
    return times;
  }
};

std::string text(const History& history) {
  std::ostringstream out;
  for (const auto& moment : history.moments) {
    if (moment.away) out << " away";
    if (!moment.away) out << ' ' << "-ku!"[int(moment.pods[0])] << "-ku!"[int(moment.pods[1])];
  }
  return out.str();
}

/// Whether exactly those are removed that the history says, exactly when it says so.
bool holds(const History& history, unsigned looks_of_grace) {
  Sky sky({looks_of_grace * seconds(20), false});
  const std::array<std::string, 2> ids{"a", "b"};
  for (std::size_t at = 0; at < history.moments.size(); ++at) {
    const auto& moment = history.moments[at];
    if (moment.away) {
      sky.away();
      continue;
    }
    Ids records;
    Ids expected;
    for (const std::size_t pod : {0U, 1U}) {
      const auto& id = ids.at(pod);
      const auto is = moment.pods.at(pod);
      if (is == Is::absent) sky.ours.erase(id);
      if (is == Is::another || (is != Is::absent && !sky.ours.contains(id))) sky.create(id);
      if (is == Is::known) records.insert(id);
      const bool was_due = at > 0 && history.seen(at - 1, pod) >= looks_of_grace;
      if (is == Is::unknown && history.seen(at, pod) >= looks_of_grace && !was_due) expected.insert(id);
    }
    if (sky.look(records) != expected) return false;
  }
  return true;
}

std::vector<Moment> all_moments() {
  std::vector<Moment> all{{true, {}}};
  for (const auto a : {Is::absent, Is::known, Is::unknown, Is::another}) {
    for (const auto b : {Is::absent, Is::known, Is::unknown, Is::another}) all.push_back({false, {a, b}});
  }
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_history_of_four_looks) {
  const auto all = all_moments();
  unsigned wrong = 0;
  History history{std::vector<Moment>(4)};
  for (std::size_t number = 0; number < all.size() * all.size() * all.size() * all.size(); ++number) {
    auto rest = number;
    for (auto& moment : history.moments) {
      moment = all[rest % all.size()];
      rest /= all.size();
    }
    for (const unsigned looks_of_grace : {1U, 2U}) {
      if (holds(history, looks_of_grace)) continue;
      if (++wrong <= 5) BOOST_TEST(false, "grace " << looks_of_grace << ":" << text(history));
    }
  }
  BOOST_TEST(wrong == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
