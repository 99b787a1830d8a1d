// What the actors add to a call: Status and Wait beside Platform, which the same server answers on the spot.

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "test/bench/at_once.hpp"
#include "test/bench/benchmarks.hpp"
#include "test/bench/cpu_time.hpp"
#include "test/bench/quantiles.hpp"
#include "test/integration/daemon_process.hpp"

namespace podsandbox::bench {

namespace {

namespace controller = test::controller;

constexpr std::array levels{1U, 8U, 64U};
constexpr unsigned most_clients = levels.back();

/// One client: a connection and two sandboxes of its own, so that what is measured is the way through the
/// daemon and not the queue of one sandbox.
struct Client {
  std::unique_ptr<controller::Controller::Stub> stub;
  std::string running;
  std::string ended;
};

void check(const grpc::Status& status, const std::string& what) {
  if (!status.ok()) throw std::runtime_error(what + " failed: " + status.error_message());
}

/// A call that is never answered must be seen, and not be waited for.
void limit(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
}

void platform(const Client& client) {
  grpc::ClientContext context;
  limit(context);
  controller::ControllerPlatformRequest request;
  request.set_sandbox_id(client.running);
  controller::ControllerPlatformResponse response;
  check(client.stub->Platform(&context, request, &response), "Platform of " + client.running);
}

void status(const Client& client) {
  grpc::ClientContext context;
  limit(context);
  controller::ControllerStatusRequest request;
  request.set_sandbox_id(client.running);
  controller::ControllerStatusResponse response;
  check(client.stub->Status(&context, request, &response), "Status of " + client.running);
}

void wait(const Client& client) {
  grpc::ClientContext context;
  limit(context);
  controller::ControllerWaitRequest request;
  request.set_sandbox_id(client.ended);
  controller::ControllerWaitResponse response;
  check(client.stub->Wait(&context, request, &response), "Wait of " + client.ended);
}

/// One kind of call and what was measured of it at one number of clients.
struct Kind {
  const char* name;
  void (*call)(const Client&);
  std::vector<Nanoseconds> samples{};
  Nanoseconds wall{};
  Nanoseconds server{};  ///< processor time of the daemon
};

std::array<Kind, 3> kinds() {
  return {{{"Platform", platform}, {"Status", status}, {"Wait (exited)", wait}}};
}

std::vector<Client> make_clients(const test::DaemonProcess& daemon) {
  std::vector<Client> clients(most_clients);
  for (unsigned i = 0; i < most_clients; ++i) {
    auto& client = clients[i];
    client = {daemon.controller(), "running-" + std::to_string(i), "ended-" + std::to_string(i)};
    test::run(*client.stub, client.running);
    test::run(*client.stub, client.ended);
    check(test::stop(*client.stub, client.ended), "Stop of " + client.ended);
  }
  return clients;
}

void round(Kind& kind, const std::vector<Client>& clients, unsigned count, unsigned calls, pid_t daemon) {
  std::vector<std::vector<Nanoseconds>> samples(count, std::vector<Nanoseconds>(calls));
  const auto server_before = cpu_time(daemon);
  kind.wall += at_once(count, [&](unsigned i) {
    for (auto& sample : samples[i]) {
      const auto began = Clock::now();
      kind.call(clients[i]);
      sample = Clock::now() - began;
    }
  });
  kind.server += cpu_time(daemon) - server_before;
  for (const auto& of_client : samples) append(kind.samples, of_client);
}

void print(const Kind& kind, unsigned count, const Quantiles& floor) {
  const auto measured = quantiles(kind.samples);
  const auto calls = static_cast<double>(kind.samples.size());
  const double seconds = std::chrono::duration<double>(kind.wall).count();
  const double server = std::chrono::duration<double, std::micro>(kind.server).count() / calls;
  std::printf("%7u  %-14s %9.0f %9.0f %9.0f %10.1f %12.2f %12.2f\n", count, kind.name, measured.median,
              measured.p99, calls / seconds, server, measured.median / floor.median,
              measured.p99 / floor.p99);
}

void level(const std::vector<Client>& clients, unsigned count, unsigned rounds, pid_t daemon) {
  constexpr unsigned calls_of_one = 1000, calls_of_many = 4096;
  const unsigned calls = count == 1 ? calls_of_one : calls_of_many / count;
  auto warm_up = kinds();
  for (auto& kind : warm_up) round(kind, clients, count, calls, daemon);
  auto measured = kinds();
  for (unsigned i = 0; i < rounds; ++i) {
    // Each kind is the first as often as the last: nobody always has the warmer caches.
    for (unsigned j = 0; j < measured.size(); ++j) {
      round(measured[(i + j) % measured.size()], clients, count, calls, daemon);
    }
  }
  const auto floor = quantiles(measured[0].samples);
  for (const auto& kind : measured) print(kind, count, floor);
}

}  // namespace

void api_bench(Effort effort) {
  test::DaemonProcess daemon;
  const auto clients = make_clients(daemon);
  std::puts("Round trips of calls that are answered from memory, beside Platform, which involves no actor");
  std::puts("(blocking stubs, one thread, one connection and one sandbox per client; the kinds take turns)");
  std::puts("clients  call              p50 us    p99 us   calls/s   daemon's  p50 against  p99 against");
  std::puts("                                                        CPU us/call   Platform     Platform");
  for (const unsigned count : levels) level(clients, count, effort == Effort::full ? 21 : 6, daemon.pid());
}

}  // namespace podsandbox::bench
