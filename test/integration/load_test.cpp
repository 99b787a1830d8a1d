#include <signal.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "test/integration/daemon_process.hpp"
#include "test/integration/waits.hpp"

/// Many clients and many calls at once.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(load)

/// 64 clients on connections of their own, each living lives of its own.
BOOST_AUTO_TEST_CASE(sixty_four_clients) {
  DaemonProcess daemon;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < 64; ++c) {
    clients.emplace_back([&, c] {
      const auto stub = daemon.controller();
      for (int round = 0; round < 3; ++round) {
        const auto id = "pod-" + std::to_string(c) + "-" + std::to_string(round);
        try {
          run(*stub, id);
          const bool good = state(*stub, id) == "SANDBOX_READY" && stop(*stub, id).ok() &&
                            state(*stub, id) == "SANDBOX_NOTREADY" && shutdown(*stub, id).ok();
          if (!good) ++wrong;
        } catch (const std::exception&) {
          ++wrong;
        }
      }
    });
  }
  for (auto& client : clients) client.join();
  BOOST_TEST(wrong == 0);
}

/// containerd holds one Wait per pod on one connection; here 5,000 for one sandbox. Every second one is
/// cancelled before the exit; each call gets its own right answer.
BOOST_AUTO_TEST_CASE(five_thousand_waits_on_one_connection) {
  constexpr std::size_t count = 5000;
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  const auto pid = run(*stub, "pod-a");
  Waits stay(daemon.channel());
  Waits go(daemon.channel());
  for (std::size_t i = 0; i < count; ++i) stay.open("pod-a");
  for (std::size_t i = 0; i < count / 2; ++i) go.open("pod-a");
  go.cancel_all();
  for (const auto& call : go.calls()) {
    BOOST_REQUIRE((call.status.error_code() == grpc::StatusCode::CANCELLED));
  }
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_READY");  // the connection is not full
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  BOOST_REQUIRE(stay.settled(count));
  for (const auto& call : stay.calls()) {
    BOOST_REQUIRE(call.status.ok());
    BOOST_REQUIRE(call.response.exit_status() == 137U);
  }
}

/// A deadline ends the client's call; the daemon forgets the waiter and goes on.
BOOST_AUTO_TEST_CASE(deadlines) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  run(*stub, "pod-a");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  controller::ControllerWaitRequest request;
  request.set_sandbox_id("pod-a");
  controller::ControllerWaitResponse response;
  const auto status = stub->Wait(&context, request, &response);
  BOOST_TEST((status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED));
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_READY");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
