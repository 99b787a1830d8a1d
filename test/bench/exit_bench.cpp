// From the death of a sandbox's process to the answer of a Wait, beside the moment at which the kernel tells.

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "services/host/unique_fd.hpp"
#include "test/bench/at_once.hpp"
#include "test/bench/benchmarks.hpp"
#include "test/bench/quantiles.hpp"
#include "test/integration/daemon_process.hpp"

namespace podsandbox::bench {

namespace {

namespace controller = test::controller;

/// A running sandbox and the Wait that is open on it.
struct Pod {
  std::string id;
  pid_t pid = -1;
  grpc::ClientContext context;
  controller::ControllerWaitRequest request;
  controller::ControllerWaitResponse response;
  grpc::Status status;
  Clock::time_point answered_at;
  std::atomic<bool> answered = false;
};

void open_wait(controller::Controller::Stub& stub, Pod& pod) {
  pod.request.set_sandbox_id(pod.id);
  // One that is never answered must be seen, and not be waited for.
  pod.context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(5));
  stub.async()->Wait(&pod.context, &pod.request, &pod.response, [&pod](grpc::Status status) {
    pod.answered_at = Clock::now();
    pod.status = std::move(status);
    pod.answered = true;
    pod.answered.notify_one();
  });
}

/// Ends the calls, whose callbacks use the pods, before the pods go.
class OpenPods {
 public:
  explicit OpenPods(unsigned count) : pods_(count) {}
  ~OpenPods() {
    for (auto& pod : pods_) {
      if (pod.request.sandbox_id().empty()) continue;  // never opened
      pod.context.TryCancel();
      pod.answered.wait(false);
    }
  }
  OpenPods(const OpenPods&) = delete;
  OpenPods& operator=(const OpenPods&) = delete;

  std::deque<Pod>& all() { return pods_; }

 private:
  std::deque<Pod> pods_;
};

void run_all(const test::DaemonProcess& daemon, controller::Controller::Stub& waits, std::deque<Pod>& pods) {
  const auto stub = daemon.controller();
  share_out(pods.size(), 4, [&](std::size_t i) {
    pods[i].id = "pod-" + std::to_string(i);
    pods[i].pid = static_cast<pid_t>(test::run(*stub, pods[i].id));
  });
  for (auto& pod : pods) open_wait(waits, pod);
  // On the same connection and after the Waits: once these are answered, those have arrived.
  for (const auto& pod : pods) test::state(waits, pod.id);
}

struct Measured {
  std::vector<Nanoseconds> kernel;  ///< until its pidfd is readable here
  std::vector<Nanoseconds> wait;    ///< until its Wait is answered
  std::vector<Nanoseconds> between;
};

void kill_one(Pod& pod, Measured& measured) {
  const host::UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pod.pid, 0)));
  pollfd dead{pidfd.get(), POLLIN, 0};
  const auto began = Clock::now();
  if (!pidfd || kill(pod.pid, SIGKILL) != 0 || poll(&dead, 1, -1) != 1) {
    throw std::system_error(errno, std::generic_category(), "killing " + pod.id);
  }
  const auto dead_at = Clock::now();
  pod.answered.wait(false);
  if (!pod.status.ok() || pod.response.exit_status() != 128 + SIGKILL) {
    throw std::runtime_error("Wait on " + pod.id + " answered " + pod.status.error_message());
  }
  measured.kernel.push_back(dead_at - began);
  measured.wait.push_back(pod.answered_at - began);
  measured.between.push_back(pod.answered_at - dead_at);
}

void print(const char* what, const std::vector<Nanoseconds>& samples, const Quantiles& floor) {
  const auto measured = quantiles(samples);
  std::printf("%-46s %9.0f %9.0f %8.2f %8.2f\n", what, measured.median, measured.p99,
              measured.median / floor.median, measured.p99 / floor.p99);
}

}  // namespace

void exit_bench(Effort effort) {
  test::DaemonProcess daemon;
  const auto waits = daemon.controller();
  OpenPods pods(effort == Effort::full ? 1000 : 200);
  run_all(daemon, *waits, pods.all());
  Measured measured;
  for (auto& pod : pods.all()) {
    kill_one(pod, measured);
    // Its cleanup, and the kernel's of its namespaces, is not the next one's delay.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::printf(
      "From kill(SIGKILL) of a sandbox's process on (%zu, one after the other, a Wait open on each)\n",
      pods.all().size());
  std::puts("until                                             p50 us    p99 us   against the floor");
  const auto floor = quantiles(measured.kernel);
  print("its pidfd is readable (the floor)", measured.kernel, floor);
  print("its Wait is answered", measured.wait, floor);
  print("  of this, after the pidfd", measured.between, floor);
}

}  // namespace podsandbox::bench
