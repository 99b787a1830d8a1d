#include <signal.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <random>

#include "test/integration/daemon_process.hpp"
#include "test/integration/test_seed.hpp"
#include "test/integration/waits.hpp"

/// The daemon dies and comes back, on its feet or by SIGKILL: its clients find what they knew.
namespace podsandbox::test {

namespace {

struct Node {
  DaemonProcess daemon;

  void restart(int signal = SIGKILL) {
    daemon.signal(signal);
    daemon.wait();
    daemon.start();
  }
  std::string state(const std::string& id) const { return test::state(*daemon.controller(), id); }

  std::uint32_t exit_of(const std::string& id) const {
    Waits waits(daemon.channel());
    const auto& call = waits.open(id);
    BOOST_REQUIRE(waits.settled(1));
    BOOST_REQUIRE_MESSAGE(call.status.ok(), call.status.error_message());
    return call.response.exit_status();
  }

  v1::Sandbox listed(const std::string& id) const {
    grpc::ClientContext context;
    v1::GetRequest request;
    request.set_id(id);
    v1::Sandbox sandbox;
    BOOST_REQUIRE(daemon.sandboxes()->Get(&context, request, &sandbox).ok());
    return sandbox;
  }

  /// The events from this position on, until one of this kind.
  std::vector<v1::Event> events(std::uint64_t from, v1::Event::Kind last) const {
    grpc::ClientContext context;
    v1::WatchRequest request;
    request.set_from_sequence(from);
    const auto stream = daemon.sandboxes()->Watch(&context, request);
    std::vector<v1::Event> seen(1);
    while (stream->Read(&seen.back())) {
      if (seen.back().kind() == last) break;
      seen.emplace_back();
    }
    context.TryCancel();
    return seen;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(restart, Node)

BOOST_AUTO_TEST_CASE(a_running_sandbox_stays_ready) {
  const auto pid = run(*daemon.controller(), "pod-a");
  for (const int signal : {SIGKILL, SIGTERM, SIGKILL}) {
    restart(signal);
    BOOST_TEST(state("pod-a") == "SANDBOX_READY");
    BOOST_TEST(start(*daemon.controller(), "pod-a") == pid);  // the answer of the first Start
  }
  BOOST_TEST(stop(*daemon.controller(), "pod-a").ok());
  BOOST_TEST(exit_of("pod-a") == 137U);
  BOOST_TEST(shutdown(*daemon.controller(), "pod-a").ok());
}

BOOST_AUTO_TEST_CASE(an_exit_while_nobody_looked_is_told_truly) {
  const auto killed = run(*daemon.controller(), "killed");
  const auto ended = run(*daemon.controller(), "ended");
  daemon.signal(SIGKILL);
  daemon.wait();
  ::kill(static_cast<pid_t>(killed), SIGKILL);
  ::kill(static_cast<pid_t>(ended), SIGTERM);
  daemon.start();
  // Whatever is asked first: no answer tells of a sandbox that lives.
  BOOST_TEST(state("killed") == "SANDBOX_NOTREADY");
  BOOST_TEST(exit_of("killed") == 137U);
  BOOST_TEST(exit_of("ended") == 0U);
  restart();
  BOOST_TEST(exit_of("killed") == 137U);
  BOOST_TEST(state("ended") == "SANDBOX_NOTREADY");
}

BOOST_AUTO_TEST_CASE(what_was_created_is_created_still) {
  BOOST_TEST(create(*daemon.controller(), "pod-a").ok());
  restart();
  BOOST_TEST(create(*daemon.controller(), "pod-a").ok());
  BOOST_TEST(start(*daemon.controller(), "pod-a") > 0U);
  BOOST_TEST((create(*daemon.controller(), "pod-a").error_code() == grpc::StatusCode::ALREADY_EXISTS));
}

/// What was removed does not come back.
BOOST_AUTO_TEST_CASE(what_is_gone_is_gone) {
  run(*daemon.controller(), "pod-a");
  BOOST_TEST(shutdown(*daemon.controller(), "pod-a").ok());
  restart();
  Waits waits(daemon.channel());
  const auto& call = waits.open("pod-a");
  BOOST_REQUIRE(waits.settled(1));
  BOOST_TEST((call.status.error_code() == grpc::StatusCode::NOT_FOUND));
  run(*daemon.controller(), "pod-a");
}

/// Clients that start sandboxes while the daemon is killed again and again: each Start that was answered is
/// kept, each that was not is undone, or at most kept, too; nothing is half there.
BOOST_AUTO_TEST_CASE(killed_in_the_middle_of_starts) {
  std::mt19937 random(test_seed());
  for (int round = 0; round < 6; ++round) {
    std::map<std::string, grpc::Status> answers;
    {
      const auto stub = daemon.controller();
      std::vector<std::thread> clients;
      std::mutex mutex;
      for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&, id = "pod-" + std::to_string(round) + "-" + std::to_string(i)] {
          if (!create(*stub, id).ok()) return;
          grpc::ClientContext context;
          controller::ControllerStartRequest request;
          request.set_sandbox_id(id);
          controller::ControllerStartResponse response;
          auto status = stub->Start(&context, request, &response);
          const std::lock_guard lock(mutex);
          answers[id] = std::move(status);
        });
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));  // a moment by chance
      daemon.signal(SIGKILL);
      daemon.wait();
      for (auto& client : clients) client.join();
    }
    daemon.start();
    const auto stub = daemon.controller();
    for (const auto& [id, status] : answers) {
      if (status.ok()) BOOST_TEST(test::state(*stub, id) == "SANDBOX_READY", id);
      BOOST_TEST(shutdown(*stub, id).ok());
    }
  }
}

/// The numbers of events go on, and a watcher that knows up to which it came misses nothing.
BOOST_AUTO_TEST_CASE(watch_resumes) {
  run(*daemon.controller(), "pod-a");
  const auto before = events(1, v1::Event::STARTED);
  BOOST_REQUIRE(before.size() == 2U);
  daemon.signal(SIGKILL);
  daemon.wait();
  ::kill(static_cast<pid_t>(before.back().pid()), SIGKILL);
  daemon.start();
  const auto after = events(3, v1::Event::CLEANED);
  BOOST_REQUIRE(after.size() >= 2U);
  for (std::size_t i = 0; i < after.size(); ++i) BOOST_TEST(after[i].sequence() == 3 + i);
  BOOST_TEST((after.front().kind() == v1::Event::EXITED));
  BOOST_TEST(after.front().exit_status() == 137U);
  const auto all = events(1, v1::Event::CLEANED);
  for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(all[i].sequence() == 1 + i);
}

/// Labels and extensions that were updated are there, and so is the count of its actors.
BOOST_AUTO_TEST_CASE(what_was_updated_is_kept) {
  run(*daemon.controller(), "pod-a");
  grpc::ClientContext context;
  controller::ControllerUpdateRequest request;
  request.set_sandbox_id("pod-a");
  request.add_fields("labels.a");
  (*request.mutable_sandbox()->mutable_labels())["a"] = "b";
  controller::ControllerUpdateResponse response;
  BOOST_TEST(daemon.controller()->Update(&context, request, &response).ok());
  restart();
  BOOST_TEST(listed("pod-a").labels().at("a") == "b");
  BOOST_TEST(listed("pod-a").incarnation() == 2U);
}

BOOST_AUTO_TEST_CASE(fifty_sandboxes_and_ten_restarts) {
  const auto stub = daemon.controller();
  std::vector<std::uint32_t> pids;
  for (int i = 0; i < 50; ++i) pids.push_back(run(*stub, "pod-" + std::to_string(i)));
  for (int round = 0; round < 10; ++round) {
    daemon.signal(SIGKILL);
    daemon.wait();
    const auto index = static_cast<std::size_t>(round);
    ::kill(static_cast<pid_t>(pids[index]), SIGKILL);
    daemon.start();
    const auto again = daemon.controller();
    for (std::size_t i = 0; i < pids.size(); ++i) {
      const auto expected = i <= index ? "SANDBOX_NOTREADY" : "SANDBOX_READY";
      BOOST_TEST(test::state(*again, "pod-" + std::to_string(i)) == expected);
    }
  }
  for (int i = 0; i < 10; ++i) BOOST_TEST(exit_of("pod-" + std::to_string(i)) == 137U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
