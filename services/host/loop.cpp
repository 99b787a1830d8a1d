#include "services/host/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <climits>
#include <system_error>

#include "messages/failpoint.hpp"

namespace podsandbox::host {

namespace {

constexpr std::uint64_t inbox_id = 0;

UniqueFd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return UniqueFd(fd);
}

bool add(int epoll, int fd, std::uint64_t id) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = id;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

struct Loop::Inbox {
  std::mutex mutex;
  std::vector<Task> tasks;
  bool closed = false;
  UniqueFd bell;

  void ring() const { eventfd_write(bell.get(), 1); }
};

void Loop::Poster::post(Task task) const {
  const std::lock_guard lock(inbox_->mutex);
  if (inbox_->closed) return;
  const bool first = inbox_->tasks.empty();
  inbox_->tasks.push_back(std::move(task));
  if (first) inbox_->ring();
}

Loop::Loop()
    : inbox_(std::make_shared<Inbox>()), epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  inbox_->bell = checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  if (!add(epoll_.get(), inbox_->bell.get(), inbox_id)) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  thread_ = std::thread([this] { run(); });
}

Loop::~Loop() {
  stop();
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  std::vector<Task> dropped;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->closed = true;
    dropped.swap(inbox_->tasks);
    inbox_->ring();
  }
  thread_.join();
  // Taken out first: what a task holds may take other watches and timers away when it goes.
  const auto watches = std::exchange(watches_, {});
  const auto timers = std::exchange(timers_, {});
  const auto deposits = std::exchange(deposits_, {});
}

std::optional<Loop::WatchId> Loop::watch(int fd, Task task) {
  const auto id = ++last_id_;
  if (!add(epoll_.get(), fd, id)) return std::nullopt;
  watches_.emplace(id, Watch{fd, std::make_shared<Task>(std::move(task))});
  return WatchId{id};
}

void Loop::unwatch(WatchId id) {
  const auto it = watches_.find(static_cast<std::uint64_t>(id));
  if (it == watches_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second.fd, nullptr);
  watches_.erase(it);
}

Loop::TimerId Loop::after(Clock::duration delay, Task task) {
  const auto id = ++last_id_;
  const auto due = Clock::now() + delay;
  timers_.emplace(std::pair{due, id}, std::move(task));
  timer_times_.emplace(id, due);
  return TimerId{id};
}

void Loop::cancel(TimerId id) {
  const auto it = timer_times_.find(static_cast<std::uint64_t>(id));
  if (it == timer_times_.end()) return;
  timers_.erase({it->second, it->first});
  timer_times_.erase(it);
}

Loop::TicketId Loop::deposit(std::function<void(void*)> task) {
  const auto id = ++last_id_;
  deposits_.emplace(id, std::move(task));
  return TicketId{id};
}

void Loop::redeem(TicketId id, void* argument) {
  const auto node = deposits_.extract(static_cast<std::uint64_t>(id));
  if (node) node.mapped()(argument);
}

void Loop::run() {
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int ready = epoll_wait(epoll_.get(), events.data(), events.size(), milliseconds_to_next_timer());
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id != inbox_id) {
        run_watch(id);
        continue;
      }
      run_posted();
      const std::lock_guard lock(inbox_->mutex);
      if (inbox_->closed) return;
    }
    run_due();
  }
}

void Loop::run_posted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(inbox_->mutex);
    eventfd_t ignored = 0;
    eventfd_read(inbox_->bell.get(), &ignored);
    tasks.swap(inbox_->tasks);
  }
  for (const Task& task : tasks) {
    failpoint("posted task");
    task();
  }
}

void Loop::run_watch(std::uint64_t id) {
  const auto it = watches_.find(id);
  if (it == watches_.end()) return;   // taken away by an earlier event of the same round
  const auto task = it->second.task;  // it may take itself away
  failpoint("watch's task");
  (*task)();
}

void Loop::run_due() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const auto first = timers_.begin();
    timer_times_.erase(first->first.second);
    const Task task = std::move(first->second);
    timers_.erase(first);
    failpoint("timer's task");
    task();
  }
}

int Loop::milliseconds_to_next_timer() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first.first - Clock::now();
  if (left <= Clock::duration::zero()) return 0;
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return rounded > INT_MAX ? INT_MAX : static_cast<int>(rounded);
}

}  // namespace podsandbox::host
