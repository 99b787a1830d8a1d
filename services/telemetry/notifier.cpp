#include "services/telemetry/notifier.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "messages/log.hpp"

namespace podsandbox::telemetry {

namespace {

constexpr auto patience = std::chrono::seconds(2);
constexpr std::size_t most_waiting = 8192;  // to somebody who has stopped reading

struct Message {
  std::string state;
  host::UniqueFd fd;
};

void send(const Message& message) {
  const int fd = message.fd.get();
  const int sent = sd_pid_notify_with_fds(0, 0, message.state.c_str(), &fd, message.fd ? 1 : 0);
  if (sent >= 0) return;
  log::warn("daemon", {},
            "telling the service manager " + message.state.substr(0, message.state.find('\n')) + ": " +
                std::generic_category().message(-sent));
}

}  // namespace

// Outlives the notifier when the thread hangs.
struct Notifier::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Message> waiting;  // the first one is being told
  bool over = false;
  bool full = false;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return over || !waiting.empty(); });
      if (over) return;
      const auto& message = waiting.front();  // others only add behind it
      lock.unlock();
      send(message);
      lock.lock();
      waiting.pop_front();
      full = full && !waiting.empty();
      changed.notify_all();
    }
  }
};

Notifier::Notifier() {
  if (std::getenv("NOTIFY_SOCKET") == nullptr) return;  // NOLINT(concurrency-mt-unsafe): nobody sets it
  queue_ = std::make_shared<Queue>();
  std::thread([queue = queue_] { queue->work(); }).detach();
}

Notifier::~Notifier() {
  if (!queue_) return;
  const std::lock_guard lock(queue_->mutex);
  queue_->over = true;
  queue_->changed.notify_all();
}

void Notifier::tell(std::string state, host::UniqueFd fd) {
  if (!queue_) return;
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->waiting.size() < most_waiting) {
      queue_->waiting.push_back({std::move(state), std::move(fd)});
      queue_->changed.notify_all();
      return;
    }
    if (std::exchange(queue_->full, true)) return;
  }
  log::error("daemon", {}, "the service manager does not read: it is told nothing until it does");
}

void Notifier::tell_status(std::string status) {
  std::replace(status.begin(), status.end(), '\n', ' ');  // the next line would be another message
  tell("STATUS=" + status);
}

bool Notifier::settle() {
  if (!queue_) return true;
  std::unique_lock lock(queue_->mutex);
  return queue_->changed.wait_for(lock, patience, [this] { return queue_->waiting.empty(); });
}

}  // namespace podsandbox::telemetry
