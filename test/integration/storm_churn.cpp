#include "test/integration/storm_churn.hpp"

#include <csignal>

#include "test/integration/storm_pods.hpp"

namespace podsandbox::test {

namespace {

enum Kind : unsigned { stopped, shut_down, killed, terminated, never_started, given_up, kinds };

constexpr auto longest_before_giving_up_us = 8000U;

/// A start that the daemon's death cut off is undone: who asks again finds the sandbox going, or gone.
bool may_be_undone(const PatientClient::Outcome& started) {
  const auto code = started.code();
  return started.interrupted &&
         (code == grpc::StatusCode::NOT_FOUND || code == grpc::StatusCode::ABORTED ||
          code == grpc::StatusCode::FAILED_PRECONDITION || code == grpc::StatusCode::CANCELLED);
}

}  // namespace

StormChurn::StormChurn(const DaemonProcess& daemon, Complaints& complaints, StormSite& site, unsigned seed,
                       const std::atomic<int>& harms)
    : daemon_(daemon), site_(site), harms_(harms) {
  for (unsigned c = 0; c < site.measure().clients; ++c) {
    threads_.emplace_back([this, &complaints, c, seed] {
      std::mt19937 random(seed + c);
      PatientClient client(daemon_);
      for (unsigned round = 0; !over_; ++round, ++lives_) {
        const auto id = "churn-" + std::to_string(c) + "-" + std::to_string(round);
        if (auto wrong = live(client, id, random); !wrong.empty()) complaints.add(id + ": " + wrong);
      }
    });
  }
}

void StormChurn::finish() {
  over_ = true;
  threads_.clear();  // joins
}

std::string StormChurn::live(PatientClient& client, const std::string& id, std::mt19937& random) {
  const int harms_before = harms_;
  const unsigned kind = random() % kinds;
  site_.before_create(id);
  const auto created = client.create(site_.request(id));
  if (!created.ok()) return "Create: " + created.text();
  if (kind == given_up) {
    client.start_and_give_up(id, std::chrono::microseconds(random() % longest_before_giving_up_us));
  } else if (kind != never_started) {
    controller::ControllerStartResponse response;
    const auto started = client.start(id, &response);
    if (started.ok()) return live_once_started(client, id, response.pid(), kind, harms_before);
    const bool may_have_failed = site_.harm_fails_starts() && was_harmed_since(harms_before);
    if (!may_be_undone(started) && !may_have_failed) return "Start: " + started.text();
  }
  return remove(client, id);
}

std::string StormChurn::live_once_started(PatientClient& client, const std::string& id, std::uint32_t pid,
                                          unsigned kind, int harms_before) {
  const auto process = pidfd_of(pid);
  if (!process) return "there is no process " + std::to_string(pid) + " after Start";
  PatientClient::Outcome waited;
  controller::ControllerWaitResponse exit;
  std::jthread waiter([&] { waited = client.wait(id, &exit); });
  controller::ControllerStatusResponse status;
  const auto while_it_lives = client.status(id, &status);
  std::string wrong;
  if (!while_it_lives.ok() || status.state() != "SANDBOX_READY") {
    wrong = "Status after Start: " + status.state() + ", " + while_it_lives.text();
  }
  if (kind == killed && !send_signal(process, SIGKILL)) wrong = "its process was gone already";
  if (kind == terminated && !eventually([&] { return site_.heeds_signals(pid); }))
    wrong = "it heeds no signals";
  if (kind == terminated && !send_signal(process, SIGTERM)) wrong = "its process was gone already";
  if (kind == stopped) {
    if (const auto outcome = client.stop(id); !outcome.ok()) wrong = "Stop: " + outcome.text();
  }
  if (kind == shut_down) wrong += remove(client, id);
  waiter.join();
  if (!wrong.empty()) return wrong;
  const bool removed_meanwhile = kind == shut_down && waited.code() == grpc::StatusCode::NOT_FOUND;
  if (!waited.ok() && !removed_meanwhile) return "Wait: " + waited.text();
  const auto expected = kind == terminated ? 0U : 128U + SIGKILL;
  const bool nobody_knows =
      exit.exit_status() == 255 && site_.harm_loses_exits() && was_harmed_since(harms_before);
  if (waited.ok() && exit.exit_status() != expected && !nobody_knows) {
    return "Wait told " + std::to_string(exit.exit_status()) + " instead of " + std::to_string(expected);
  }
  if (kind == shut_down) return {};
  const auto asked = client.status(id, &status);
  if (!asked.ok() || status.state() != "SANDBOX_NOTREADY") {
    return "Status after its exit: " + status.state() + ", " + asked.text();
  }
  return remove(client, id);
}

std::string StormChurn::remove(PatientClient& client, const std::string& id) {
  const auto removed = client.shutdown(id);
  if (!removed.ok()) return "Shutdown: " + removed.text();
  controller::ControllerStatusResponse status;
  const auto asked = client.status(id, &status);
  if (asked.code() != grpc::StatusCode::NOT_FOUND) return "Status after Shutdown: " + asked.text();
  site_.after_removal(id);
  return {};
}

}  // namespace podsandbox::test
