#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iostream>
#include <thread>

#include "test/integration/daemon_process.hpp"
#include "test/integration/service_manager.hpp"
#include "test/integration/waits.hpp"

/// Under a service manager that keeps the socket: a restart costs clients time, and nothing else.
namespace podsandbox::test {

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

grpc::Status status_of(controller::Controller::Stub& stub, const std::string& id, std::string* state) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  controller::ControllerStatusRequest request;
  request.set_sandbox_id(id);
  controller::ControllerStatusResponse response;
  auto status = stub.Status(&context, request, &response);
  *state = response.state();
  return status;
}

/// A client that asks for the state of a sandbox over and over, on one channel, as fast as it is answered.
class BusyClient {
 public:
  BusyClient(std::shared_ptr<grpc::Channel> channel, std::string id)
      : stub_(controller::Controller::NewStub(std::move(channel))),
        id_(std::move(id)),
        thread_([this] { ask(); }) {}
  ~BusyClient() { end(); }
  BusyClient(const BusyClient&) = delete;
  BusyClient& operator=(const BusyClient&) = delete;

  void end() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int answers() const { return answers_; }
  bool is_answered_again() const {
    return eventually([this, before = answers_.load()] { return answers_ > before + 1; });
  }

  /// The longest time between two answers since the last call of this.
  Milliseconds longest_pause() { return Milliseconds(longest_pause_.exchange(0)); }
  /// Answers that are neither SANDBOX_READY nor UNAVAILABLE. Valid after `end`.
  const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  void ask() {
    auto last = Clock::now();
    while (!ended_) {
      std::string state;
      const auto status = status_of(*stub_, id_, &state);
      if (status.error_code() == grpc::StatusCode::UNAVAILABLE) continue;  // and at once again
      if (!status.ok() || state != "SANDBOX_READY") wrong_.push_back(state + status.error_message());
      const auto now = Clock::now();
      longest_pause_ = std::max(longest_pause_.load(), Milliseconds(now - last).count());
      last = now;
      ++answers_;
    }
  }

  std::unique_ptr<controller::Controller::Stub> stub_;
  const std::string id_;
  std::atomic<bool> ended_ = false;
  std::atomic<int> answers_ = 0;
  std::atomic<double> longest_pause_ = 0;
  std::vector<std::string> wrong_;
  std::thread thread_;
};

/// How long a busy client is without an answer while the daemon is restarted: the median, in milliseconds.
template <class Restart>
double pause_of(const std::shared_ptr<grpc::Channel>& channel, int rounds, Restart restart) {
  BusyClient client(channel, "pod-a");
  std::vector<double> pauses;
  for (int round = 0; round < rounds; ++round) {
    BOOST_REQUIRE(client.is_answered_again());
    client.longest_pause();
    restart();
    BOOST_REQUIRE(client.is_answered_again());
    pauses.push_back(client.longest_pause().count());
  }
  client.end();
  BOOST_TEST(client.wrong() == std::vector<std::string>(), boost::test_tools::per_element());
  std::sort(pauses.begin(), pauses.end());
  return pauses[pauses.size() / 2];
}

/// Whether this process was sent a SIGTERM that it has not taken.
bool has_a_sigterm_to_take(pid_t pid) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("ShdPnd:")) continue;
    return (std::stoull(line.substr(7), nullptr, 16) & (1ULL << (SIGTERM - 1U))) != 0;
  }
  return false;
}

struct Activated {
  ServiceManager manager;

  void start(const std::vector<std::string>& environment = {}) {
    manager.start(environment);
    BOOST_REQUIRE(manager.hears("READY=1"));
  }
  bool heard(const std::string& beginning) const {
    const auto& lines = manager.heard();
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.starts_with(beginning); });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(activation, Activated)

BOOST_AUTO_TEST_CASE(what_the_service_manager_hears) {
  start();
  std::string ignored;
  BOOST_TEST(
      (status_of(*manager.controller(), "none", &ignored).error_code() == grpc::StatusCode::NOT_FOUND));
  BOOST_TEST(heard("STATUS=serving on " + manager.socket()));
  BOOST_TEST(!heard("STOPPING=1"));
  manager.signal(SIGTERM);
  BOOST_TEST(manager.hears("STOPPING=1"));
  BOOST_TEST(heard("STATUS=draining"));
  BOOST_TEST(WIFEXITED(manager.wait()));
  manager.hears("anything else", std::chrono::milliseconds(1));
  BOOST_TEST(heard("EXTEND_TIMEOUT_USEC=20000000"));  // the drain and the rest
  BOOST_TEST(!heard("WATCHDOG=1"));                   // nobody waits for it
  start();
}

/// As FileDescriptorName= of the socket unit would have it.
BOOST_AUTO_TEST_CASE(a_socket_of_another_name_is_taken) {
  start({"LISTEN_FDNAMES=api"});
  std::string ignored;
  BOOST_TEST(
      (status_of(*manager.controller(), "none", &ignored).error_code() == grpc::StatusCode::NOT_FOUND));
}

BOOST_AUTO_TEST_CASE(the_sockets_file_is_left_as_it_is) {
  std::filesystem::permissions(manager.socket(), std::filesystem::perms(0640));
  start();
  manager.restart(SIGTERM);
  BOOST_REQUIRE(manager.hears("READY=1"));
  BOOST_TEST((std::filesystem::status(manager.socket()).permissions() == std::filesystem::perms(0640)));
}

BOOST_AUTO_TEST_CASE(another_socket_than_the_configured_one_is_refused) {
  ServiceManager other("other.sock");
  other.start();
  const int status = other.wait();
  BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  BOOST_TEST(!other.hears("READY=1", std::chrono::milliseconds(1)));
  BOOST_TEST(other.heard().back().find("ListenStream=") != std::string::npos, other.heard().back());
}

/// Who connects while there is no daemon is answered by the next one, on the first attempt.
BOOST_AUTO_TEST_CASE(a_connection_waits_for_the_next_daemon) {
  start();
  const auto pid = run(*manager.controller(), "pod-a");
  for (const int signal : {SIGTERM, SIGKILL}) {
    manager.signal(signal);
    manager.wait();
    std::string state;
    grpc::Status status;
    std::thread client([&] { status = status_of(*manager.controller(), "pod-a", &state); });
    start();
    client.join();
    BOOST_TEST(status.ok(), status.error_message());
    BOOST_TEST(state == "SANDBOX_READY");
    BOOST_TEST(test::start(*manager.controller(), "pod-a") == pid);
  }
}

/// A daemon that drains takes no more: it could only turn them away.
BOOST_AUTO_TEST_CASE(a_connection_during_the_drain_waits_for_the_next_daemon) {
  start();
  const auto stub = manager.controller();
  const auto pid = static_cast<pid_t>(run(*stub, "pod-a"));
  run(*stub, "pod-b");
  ::kill(pid, SIGSTOP);  // so that it does not end on SIGTERM
  std::thread stop([&] {
    grpc::ClientContext context;
    controller::ControllerStopRequest request;
    request.set_sandbox_id("pod-a");
    request.set_timeout_secs(2);
    controller::ControllerStopResponse response;
    BOOST_TEST(stub->Stop(&context, request, &response).ok());
  });
  BOOST_REQUIRE(eventually([&] { return has_a_sigterm_to_take(pid); }));
  manager.signal(SIGTERM);
  BOOST_REQUIRE(manager.hears("STOPPING=1"));
  std::string state;
  grpc::Status status;
  std::thread client([&] { status = status_of(*manager.controller(), "pod-b", &state); });
  manager.wait();
  stop.join();
  start();
  client.join();
  BOOST_TEST(status.ok(), status.error_message());
  BOOST_TEST(state == "SANDBOX_READY");
}

/// A Wait ends with UNAVAILABLE, is opened again at once, and waits on.
BOOST_AUTO_TEST_CASE(waits_go_on_over_restarts) {
  start();
  const auto pid = run(*manager.controller(), "pod-a");
  std::vector<grpc::StatusCode> codes;
  std::uint32_t exit_status = 0;
  std::atomic<int> opened = 0;
  std::thread waiter([&] {
    const auto stub = manager.controller();
    do {
      grpc::ClientContext context;
      controller::ControllerWaitRequest request;
      request.set_sandbox_id("pod-a");
      controller::ControllerWaitResponse response;
      ++opened;
      codes.push_back(stub->Wait(&context, request, &response).error_code());
      exit_status = response.exit_status();
    } while (codes.back() == grpc::StatusCode::UNAVAILABLE);
  });
  for (const int signal : {SIGTERM, SIGKILL, SIGTERM, SIGKILL}) {
    BOOST_REQUIRE(eventually([&, before = opened.load()] { return opened >= before; }));
    manager.restart(signal);
    BOOST_REQUIRE(manager.hears("READY=1"));
    std::string state;
    BOOST_TEST(status_of(*manager.controller(), "pod-a", &state).ok());
    BOOST_TEST(state == "SANDBOX_READY");
  }
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  waiter.join();
  BOOST_TEST((codes.back() == grpc::StatusCode::OK));
  BOOST_TEST(exit_status == 137U);
}

BOOST_AUTO_TEST_CASE(a_busy_client_sees_nothing_but_a_pause) {
  start();
  run(*manager.controller(), "pod-a");
  DaemonProcess alone;
  run(*alone.controller(), "pod-a");
  for (const auto& [name, signal] : {std::pair("SIGTERM", SIGTERM), std::pair("SIGKILL", SIGKILL)}) {
    const auto inherited = pause_of(manager.channel(), 3, [&, number = signal] { manager.restart(number); });
    // Once: gRPC takes up to five seconds until it connects again.
    const auto own = pause_of(alone.channel(), 1, [&, number = signal] {
      alone.signal(number);
      alone.wait();
      alone.start();
    });
    std::cout << "a client's pause over " << name << " and restart: inherited socket " << inherited
              << " ms, own socket " << own << " ms\n";
    BOOST_TEST(inherited < 2000);
  }
}

BOOST_AUTO_TEST_CASE(a_thousand_sandboxes_and_a_first_answer) {
  start();
  const auto stub = manager.controller();
  for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(create(*stub, "pod-" + std::to_string(i)).ok());
  manager.signal(SIGKILL);
  manager.wait();
  const auto begin = Clock::now();
  manager.start();
  std::string state;
  BOOST_TEST(status_of(*manager.controller(), "pod-999", &state).ok());
  const Milliseconds answered = Clock::now() - begin;
  BOOST_REQUIRE(manager.hears("READY=1"));
  std::cout << "first answer " << answered.count() << " ms after the start, with 1000 sandboxes\n";
  BOOST_TEST(answered.count() < 5000);  // about 50 on a quiet machine
  BOOST_TEST(heard("STATUS=serving on " + manager.socket() + "; started with 1000 sandboxes"));
}

BOOST_AUTO_TEST_CASE(a_watchdog_is_fed) {
  start({"WATCHDOG_USEC=200000"});
  const auto begin = Clock::now();
  for (int i = 0; i < 10; ++i) BOOST_REQUIRE(manager.hears("WATCHDOG=1", std::chrono::seconds(5)));
  BOOST_TEST((Clock::now() - begin >= std::chrono::milliseconds(700)));  // each 100 ms, half of the limit
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
