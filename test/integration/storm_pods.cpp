#include "test/integration/storm_pods.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace podsandbox::test {

namespace {

constexpr std::uint32_t unknown = 255;

/// Whether it is dead, or dies in time.
bool ends_within(const host::UniqueFd& process, int milliseconds) {
  pollfd dead{process.get(), POLLIN, 0};
  return poll(&dead, 1, milliseconds) == 1;
}

}  // namespace

host::UniqueFd pidfd_of(std::uint32_t pid) {
  return host::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool send_signal(const host::UniqueFd& pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

StormPods::StormPods(const DaemonProcess& daemon, Complaints& complaints, StormSite& site,
                     const std::string& name, std::size_t count)
    : daemon_(daemon), complaints_(complaints), site_(site), client_(daemon) {
  for (std::size_t i = 0; i < count; ++i) {
    auto& pod = pods_.emplace_back();
    pod.id = name + "-" + std::to_string(i);
    start(pod);
    threads_.emplace_back([this, &pod] { wait(pod); });
  }
  threads_.emplace_back([this] { ask_all(); });
}

void StormPods::start(Pod& pod) {
  site_.before_create(pod.id);
  const auto created = client_.create(site_.request(pod.id));
  controller::ControllerStartResponse response;
  const auto started = client_.start(pod.id, &response);
  if (!created.ok() || !started.ok()) throw std::runtime_error(pod.id + ": " + started.text());
  pod.pid = response.pid();
  pod.process = pidfd_of(pod.pid);
  if (!eventually([&] { return site_.heeds_signals(pod.pid); })) {
    throw std::runtime_error(pod.id + " does not come to heed signals");
  }
}

void StormPods::kill_one(std::mt19937& random, bool unseen) {
  std::vector<Pod*> living;
  for (auto& pod : pods_) {
    if (pod.must_exit_with < 0) living.push_back(&pod);
  }
  if (living.empty()) return;
  auto& pod = *living[random() % living.size()];
  const bool hard = random() % 2 == 0;
  pod.must_exit_with = hard ? 128 + SIGKILL : 0;
  if (!send_signal(pod.process, hard ? SIGKILL : SIGTERM)) complain(pod, "its process was gone already");
  if (!unseen) return;
  constexpr int patience_ms = 20000;
  if (!ends_within(pod.process, patience_ms)) complain(pod, "its process does not die");
  pod.died_unseen = true;
}

void StormPods::exits_may_be_lost() {
  for (auto& pod : pods_) pod.may_be_unknown = true;
}

bool StormPods::is_right(const Pod& pod, std::uint32_t exit_status) const {
  return static_cast<int>(exit_status) == pod.must_exit_with ||
         (exit_status == unknown && pod.may_be_unknown);
}

void StormPods::wait(Pod& pod) {
  controller::ControllerWaitResponse response;
  const auto waited = client_.wait(pod.id, &response);
  if (!waited.ok()) return complain(pod, "Wait: " + waited.text());
  if (pod.must_exit_with < 0) return complain(pod, "Wait told of an exit, and it lives");
  if (!is_right(pod, response.exit_status())) {
    complain(pod, "Wait told " + std::to_string(response.exit_status()) + " instead of " +
                      std::to_string(pod.must_exit_with));
  }
  pod.told = static_cast<int>(response.exit_status());
}

void StormPods::ask_all() {
  PatientClient client(daemon_);
  while (!over_) {
    for (auto& pod : pods_) {
      if (over_) return;
      check_state(pod, client);
    }
    v1::ListResponse rows;
    const auto listed = client.list(&rows);
    if (!listed.ok()) complaints_.add("List: " + listed.text());
    std::size_t ours = 0;
    for (const auto& row : rows.sandboxes()) ours += row.id().starts_with(pods_.front().id.substr(0, 3));
    if (!over_ && ours != pods_.size()) complaints_.add("List has " + std::to_string(ours) + " of ours");
  }
}

void StormPods::check_state(Pod& pod, PatientClient& client) {
  const bool dead_before = pod.told >= 0 || pod.died_unseen;
  controller::ControllerStatusResponse response;
  const auto asked = client.status(pod.id, &response);
  if (!asked.ok()) return complain(pod, "Status: " + asked.text());
  const auto& state = response.state();
  if (state == "SANDBOX_READY" && dead_before) complain(pod, "Status says that it lives, and it is dead");
  if (state == "SANDBOX_NOTREADY" && pod.must_exit_with < 0) complain(pod, "Status says that it is dead");
  if (state != "SANDBOX_READY" && state != "SANDBOX_NOTREADY") complain(pod, "Status says " + state);
}

bool StormPods::all_told() const {
  for (const auto& pod : pods_) {
    if (pod.must_exit_with >= 0 && pod.told < 0) return false;
  }
  return true;
}

void StormPods::finish() {
  over_ = true;
  threads_.back().join();
  PatientClient client(daemon_);
  for (auto& pod : pods_) {
    if (pod.must_exit_with >= 0) {
      check_state(pod, client);
      if (pod.told < 0) complain(pod, "nobody was told of its exit");
      controller::ControllerWaitResponse again;
      if (!client.wait(pod.id, &again).ok() || !is_right(pod, again.exit_status())) {
        complain(pod, "a second Wait tells " + std::to_string(again.exit_status()));
      }
    } else {
      if (ends_within(pod.process, 0)) complain(pod, "somebody ended its process");
      pod.must_exit_with = 128 + SIGKILL;  // by Shutdown
    }
    if (const auto removed = client.shutdown(pod.id); !removed.ok()) {
      complain(pod, "Shutdown: " + removed.text());
    }
    site_.after_removal(pod.id);
  }
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  if (!all_told()) complaints_.add("not every Wait was answered");
}

std::string StormPods::summary() const {
  std::size_t told = 0, unknowns = 0;
  for (const auto& pod : pods_) {
    told += pod.told >= 0 ? 1 : 0;
    unknowns += pod.told == static_cast<int>(unknown) ? 1 : 0;
  }
  return std::to_string(told) + " of " + std::to_string(pods_.size()) + " were killed, of " +
         std::to_string(unknowns) + " nobody can tell how they ended";
}

void StormPods::complain(const Pod& pod, const std::string& what) {
  complaints_.add(pod.id + " (pid " + std::to_string(pod.pid) + "): " + what);
}

}  // namespace podsandbox::test
