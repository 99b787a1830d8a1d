#include <sys/wait.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <optional>
#include <random>

#include "services/journal/store.hpp"
#include "test/integration/complaints.hpp"
#include "test/integration/daemon_leftovers.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/storm_churn.hpp"
#include "test/integration/storm_pods.hpp"
#include "test/integration/storm_watchers.hpp"
#include "test/integration/test_seed.hpp"

/// The daemon is killed again and again at any moment, while many sandboxes live, die and are watched.
/// Nothing false is told, nothing is lost, nothing is left.
namespace podsandbox::test {

namespace {

constexpr int rounds = 50;
constexpr int round_of_the_keeper = 25;

class Storm {
 public:
  explicit Storm(unsigned seed) : random_(seed) {
    watchers_.emplace(daemon_, complaints_, 10, "last", seed + 1000);
    pods_.emplace_back(daemon_, complaints_, "old", 60, cgroup_parent_);
    churn_.emplace(daemon_, complaints_, 6, cgroup_parent_, seed + 2000, keepers_killed_);
  }

  /// The daemon dies while it serves, or while it is still recovering.
  void round(int number) {
    std::this_thread::sleep_for(moment());  // by chance
    kill_pods(false);
    kill_daemon();
    kill_pods(true);
    if (number == round_of_the_keeper) kill_keeper();
    daemon_.launch();
    if (number == round_of_the_keeper) pods_.emplace_back(daemon_, complaints_, "new", 40, cgroup_parent_);
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
    BOOST_TEST(client.create(storm_request("last", cgroup_parent_)).ok());
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
    const auto nothing = [this] { return leftovers_of(daemon_, cgroup_parent_).empty(); };
    BOOST_TEST(eventually(nothing), leftovers_of(daemon_, cgroup_parent_));
    const auto journal = journal::Store::open(daemon_.data_dir(), {1000000, std::chrono::hours(24)});
    BOOST_REQUIRE(journal.has_value());
    BOOST_TEST(journal->notices.empty());
    BOOST_TEST(journal->contents.sandboxes.empty());
    BOOST_TEST(journal->contents.next_sequence == watchers_->events().back().sequence() + 1);
  }

 private:
  std::chrono::milliseconds moment() {
    const unsigned longest = random_() % 3 == 0 ? 60 : 500;  // every third time in the middle of recovery
    return std::chrono::milliseconds(random_() % longest);
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

  void kill_keeper() {
    for (auto& pods : pods_) pods.keeper_was_killed();
    ++keepers_killed_;
    const auto keepers = keepers_of(daemon_);
    if (keepers.size() != 1) complaints_.add("there are " + std::to_string(keepers.size()) + " keepers");
    for (const pid_t keeper : keepers) kill(keeper, SIGKILL);
  }

  const std::string cgroup_parent_ = "podsandbox-storm-" + std::to_string(getpid());
  std::mt19937 random_;
  Complaints complaints_;
  std::atomic<int> keepers_killed_ = 0;
  DaemonProcess daemon_{{"events.keep = 1000000\n", true}};
  std::optional<StormWatchers> watchers_;
  std::deque<StormPods> pods_;
  std::optional<StormChurn> churn_;
};

struct FirstEvent {
  v1::Event event;
  grpc::Status status;
};

FirstEvent first_event(const DaemonProcess& daemon, std::uint64_t from) {
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_from_sequence(from);
  const auto stream = daemon.sandboxes()->Watch(&context, request);
  FirstEvent first;
  if (stream->Read(&first.event)) context.TryCancel();
  first.status = stream->Finish();
  return first;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storm)

BOOST_AUTO_TEST_CASE(a_hundred_sandboxes_and_fifty_kills) {
  Storm storm(test_seed());
  for (int i = 0; i < rounds; ++i) storm.round(i);
  storm.finish();
  storm.look_for_leftovers();
}

/// Who comes too late is told from where on he can have the rest, before and after a crash.
BOOST_AUTO_TEST_CASE(a_pruned_position) {
  DaemonProcess daemon({"events.keep = 10\n"});
  for (int i = 0; i < 5; ++i) {
    const auto id = "pod-" + std::to_string(i);
    run(*daemon.controller(), id);
    BOOST_TEST(shutdown(*daemon.controller(), id).ok());
  }
  std::uint64_t before = 0;
  for (int life = 0; life < 3; ++life) {
    const auto refused = first_event(daemon, 1);
    BOOST_REQUIRE((refused.status.error_code() == grpc::StatusCode::OUT_OF_RANGE));
    const auto text = refused.status.error_message();
    const auto oldest = std::stoull(text.substr(text.rfind(' ') + 1));
    BOOST_TEST(oldest > 1U);
    BOOST_TEST((before == 0 || before == oldest));
    BOOST_TEST(first_event(daemon, oldest).event.sequence() == oldest);
    BOOST_TEST((first_event(daemon, oldest - 1).status.error_code() == grpc::StatusCode::OUT_OF_RANGE));
    before = oldest;
    daemon.signal(SIGKILL);
    daemon.wait();
    daemon.start();
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
