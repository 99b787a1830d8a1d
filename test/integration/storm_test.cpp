#include <sys/wait.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <optional>
#include <random>

#include "services/journal/store.hpp"
#include "test/integration/complaints.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/storm_churn.hpp"
#include "test/integration/storm_pods.hpp"
#include "test/integration/storm_site.hpp"
#include "test/integration/storm_watchers.hpp"
#include "test/integration/test_seed.hpp"

/// The daemon is killed again and again at any moment, while many sandboxes live, die and are watched.
/// Nothing false is told, nothing is lost, nothing is left.
namespace podsandbox::test {

namespace {

DaemonOptions options_of(const StormSite& site) {
  auto options = site.daemon_options();
  options.config = "events.keep = 1000000\n" + options.config;
  return options;
}

class Storm {
 public:
  explicit Storm(unsigned seed) : random_(seed) {
    watchers_.emplace(daemon_, complaints_, 10, "last", seed + 1000);
    pods_.emplace_back(daemon_, complaints_, *site_, "old", measure_.old_pods);
    churn_.emplace(daemon_, complaints_, *site_, seed + 2000, harms_);
  }

  void rage() {
    for (int i = 0; i < measure_.rounds; ++i) round(i);
  }

  void finish() {
    const auto told = [this] {
      return std::all_of(pods_.begin(), pods_.end(), [](const auto& pods) { return pods.all_told(); });
    };
    BOOST_TEST(eventually(told), "a Wait was not answered");
    for (const auto& pods : pods_) BOOST_TEST_MESSAGE(pods.summary());
    churn_->finish();
    for (auto& pods : pods_) pods.finish();
    PatientClient client(daemon_);
    BOOST_TEST(client.create(site_->request("last")).ok());
    BOOST_TEST(client.shutdown("last").ok());
    watchers_->finish();
    BOOST_TEST(faults_in_stories(watchers_->events()) == "");
    for (const auto& complaint : complaints_.take()) BOOST_ERROR(complaint);
    BOOST_TEST_MESSAGE(churn_->lives()
                       << " lives of others; " << watchers_->events().size()
                       << " events, seen by 10 watchers over " << watchers_->connections() << " connections");
  }

  /// What is there once the daemon has ended in order.
  void look_for_leftovers() {
    daemon_.signal(SIGTERM);
    BOOST_TEST(daemon_.wait() == 0);
    const auto nothing = [this] { return site_->leftovers(daemon_).empty(); };
    BOOST_TEST(eventually(nothing), site_->leftovers(daemon_));
    const auto journal = journal::Store::open(daemon_.data_dir(), {1000000, std::chrono::hours(24)});
    BOOST_REQUIRE(journal.has_value());
    BOOST_TEST(journal->notices.empty());
    BOOST_TEST(journal->contents.sandboxes.empty());
    BOOST_TEST(journal->contents.next_sequence == watchers_->events().back().sequence() + 1);
  }

 private:
  /// The daemon dies while it serves, or while it is still recovering.
  void round(int number) {
    std::this_thread::sleep_for(moment());  // by chance
    kill_pods(false);
    harm_in(number, true);
    kill_daemon();
    kill_pods(true);
    harm_in(number, false);
    daemon_.launch();
    mend();
    if (number == measure_.rounds / 2) {
      pods_.emplace_back(daemon_, complaints_, *site_, "new", measure_.new_pods);
    }
  }

  std::chrono::milliseconds moment() {
    constexpr unsigned recovery_ms = 60;
    const bool in_recovery = random_() % 3 == 0;
    return std::chrono::milliseconds(random_() % (in_recovery ? recovery_ms : measure_.longest_round_ms));
  }

  void kill_pods(bool unseen) {
    for (auto& pods : pods_) {
      if (random_() % 2 == 0) pods.kill_one(random_, unseen);
    }
  }

  void kill_daemon() {
    daemon_.signal(SIGKILL);
    const int status = daemon_.wait();
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      complaints_.add("the daemon had ended by itself, with wait status " + std::to_string(status));
    }
  }

  void harm_in(int number, bool daemon_serves) {
    if (!site_->is_harmed_in(number, daemon_serves)) return;
    if (site_->harm_loses_exits()) {
      for (auto& pods : pods_) pods.exits_may_be_lost();
    }
    ++harms_;
    site_->harm(daemon_);
    kill_pods(!daemon_serves);
  }

  void mend() {
    if (harms_ % 2 == 0) return;
    site_->mend();
    ++harms_;
  }

  const std::unique_ptr<StormSite> site_ = make_storm_site();
  const StormMeasure measure_ = site_->measure();
  std::mt19937 random_;
  Complaints complaints_;
  std::atomic<int> harms_ = 0;
  DaemonProcess daemon_{options_of(*site_)};
  std::optional<StormWatchers> watchers_;
  std::deque<StormPods> pods_;
  std::optional<StormChurn> churn_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(storm)

BOOST_AUTO_TEST_CASE(many_sandboxes_and_many_kills) {
  Storm storm(test_seed());
  storm.rage();
  storm.finish();
  storm.look_for_leftovers();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
