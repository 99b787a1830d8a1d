#include <signal.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "test/chaos/in_process_daemon.hpp"
#include "test/integration/waits.hpp"

/// Actors are killed all the time under clients that live ordinary lives. The clients must not be able to
/// tell: every answer is there, every exit is the true one, watchers miss nothing, and nothing is left.
namespace podsandbox::test {

namespace {

/// Kills random actors until it is destroyed.
class Killer {
 public:
  Killer(InProcessDaemon& daemon, std::vector<std::string> ids)
      : thread_([this, &daemon, ids = std::move(ids)] { run(daemon, ids); }) {}
  ~Killer() {
    stop_ = true;
    thread_.join();
  }

  std::size_t kills() const { return kills_; }

 private:
  void run(InProcessDaemon& daemon, const std::vector<std::string>& ids) {
    const std::vector singles = {names::gateway, names::supervisor, names::runtime(RuntimeKind::linux),
                                 names::exits, names::hub};
    std::mt19937 random(std::random_device{}());
    while (!stop_) {
      if (random() % 2 == 0) {
        daemon.kill(singles[random() % singles.size()]);
      } else {
        daemon.kill_sandbox(ids[random() % ids.size()]);
      }
      ++kills_;
      look_again_soon();  // the pace of the kills, about 200 a second
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> kills_ = 0;
  std::thread thread_;
};

/// One life of a sandbox, ended in one of several ways; what went wrong, if anything did.
std::string live(const std::shared_ptr<grpc::Channel>& channel, const std::string& id, unsigned kind) {
  const auto stub = controller::Controller::NewStub(channel);
  Waits waits(channel);
  const auto pid = run(*stub, id);
  const auto& waiting = waits.open(id);
  if (state(*stub, id) != "SANDBOX_READY") return id + " is not ready after Start";
  if (start(*stub, id) != pid) return id + " has another pid at the second Start";
  if (kind == 0) ::kill(static_cast<pid_t>(pid), SIGKILL);
  if (kind == 1 && !stop(*stub, id).ok()) return id + " could not be stopped";
  if (kind == 2 && !shutdown(*stub, id).ok()) return id + " could not be shut down while running";
  if (!waits.settled(1, std::chrono::seconds(30))) return id + ": Wait was not answered";
  if (!waiting.status.ok()) return id + ": Wait failed: " + waiting.status.error_message();
  if (waiting.response.exit_status() != 137) {
    return id + ": exit status " + std::to_string(waiting.response.exit_status());
  }
  if (kind != 2 && state(*stub, id) != "SANDBOX_NOTREADY") return id + " is not dead after its exit";
  if (const auto status = shutdown(*stub, id); !status.ok()) return id + ": " + status.error_message();
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chaos)

BOOST_AUTO_TEST_CASE(clients_do_not_notice) {
  constexpr int clients = 8;
  constexpr int lives = 60;
  InProcessDaemon daemon;
  std::vector<std::string> ids;
  for (int c = 0; c < clients; ++c) ids.push_back("pod-" + std::to_string(c));
  std::mutex mutex;
  std::vector<std::string> complaints;
  std::size_t kills = 0;
  {
    Killer killer(daemon, ids);
    std::vector<std::thread> threads;
    for (int c = 0; c < clients; ++c) {
      threads.emplace_back([&, c] {
        const auto channel = daemon.channel();
        for (int round = 0; round < lives; ++round) {
          std::string complaint;
          try {
            complaint = live(channel, ids[static_cast<std::size_t>(c)], static_cast<unsigned>(round) % 3);
          } catch (const std::exception& error) {
            complaint = error.what();
          }
          if (complaint.empty()) continue;
          const std::lock_guard lock(mutex);
          complaints.push_back(complaint);
          return;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    kills = killer.kills();
  }
  for (const auto& complaint : complaints) BOOST_ERROR(complaint);
  BOOST_TEST_MESSAGE(clients * lives << " lives, " << kills << " kills");
  BOOST_TEST(eventually([&] { return daemon.processes().empty(); }));
  BOOST_TEST(eventually([&] { return daemon.open_calls() == 0; }));
  BOOST_TEST(!daemon.gave_up());
}

/// Watchers that join at the beginning see the same events, without a gap.
BOOST_AUTO_TEST_CASE(watchers_miss_nothing) {
  InProcessDaemon daemon;
  const auto channel = daemon.channel();
  const auto stub = controller::Controller::NewStub(channel);
  constexpr int watchers = 10;
  std::vector<std::vector<std::uint64_t>> seen(watchers);
  std::vector<std::thread> threads;
  for (auto& sequence : seen) {
    threads.emplace_back([&] {
      grpc::ClientContext context;
      v1::WatchRequest request;
      request.set_from_sequence(1);
      const auto sandboxes = v1::Sandboxes::NewStub(daemon.channel());
      const auto stream = sandboxes->Watch(&context, request);
      v1::Event event;
      while (stream->Read(&event)) {
        sequence.push_back(event.sequence());
        if (event.kind() == v1::Event::REMOVED && event.sandbox_id() == "last") break;
      }
      context.TryCancel();
    });
  }
  {
    Killer killer(daemon, {"pod-0", "pod-1", "pod-2"});
    for (int i = 0; i < 30; ++i) {
      BOOST_TEST(live(channel, "pod-" + std::to_string(i % 3), static_cast<unsigned>(i) % 3) == "");
    }
  }
  BOOST_TEST(live(channel, "last", 0) == "");
  for (auto& thread : threads) thread.join();
  for (const auto& sequence : seen) {
    BOOST_TEST(sequence.size() >= 30U * 4U);
    for (std::size_t i = 0; i < sequence.size(); ++i) BOOST_REQUIRE(sequence[i] == i + 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
