#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

/// One thread that waits for descriptors, timers and posted tasks, and runs what belongs to them. Nothing
/// that it runs may block: what can hang goes through `run_aside`.
///
/// `post` may be called from any thread, everything else only from the loop's own.
class Loop {
  struct Inbox;

 public:
  using Task = std::function<void()>;
  using Clock = std::chrono::steady_clock;
  enum class WatchId : std::uint64_t {};
  enum class TimerId : std::uint64_t {};
  enum class TicketId : std::uint64_t {};

  /// Posts to a loop that may be gone by then: the task is then dropped.
  class Poster {
   public:
    void post(Task task) const;

   private:
    friend class Loop;
    explicit Poster(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
    std::shared_ptr<Inbox> inbox_;
  };

  /// Throws std::system_error when the kernel refuses the descriptors or the thread.
  Loop();
  /// Stops.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Ends the thread after the task that it runs and drops everything that was to run later. Not from the
  /// loop's own thread; afterwards the other functions may be called from any one thread, to no effect.
  void stop();

  void post(Task task) const { poster().post(std::move(task)); }
  Poster poster() const { return Poster(inbox_); }

  /// Runs `task` whenever `fd` is readable or hung up, until `unwatch`. The descriptor stays the caller's and
  /// must outlive the watch. Empty when the kernel refuses.
  std::optional<WatchId> watch(int fd, Task task);
  /// A watch that has been taken away never runs again.
  void unwatch(WatchId id);

  /// Runs `task` once, no earlier than after `delay`.
  TimerId after(Clock::duration delay, Task task);
  /// A timer that has been cancelled never runs.
  void cancel(TimerId id);

  /// Keeps `task` here for somebody on another thread, who may hold nothing of what belongs to the loop. Run
  /// it once with `redeem`, from a posted task.
  TicketId deposit(std::function<void(void*)> task);
  void redeem(TicketId id, void* argument);

 private:
  struct Watch {
    int fd;
    std::shared_ptr<Task> task;
  };

  void run();
  void run_posted();
  void run_watch(std::uint64_t id);
  void run_due();
  int milliseconds_to_next_timer() const;

  std::shared_ptr<Inbox> inbox_;
  UniqueFd epoll_;
  std::unordered_map<std::uint64_t, Watch> watches_;
  std::map<std::pair<Clock::time_point, std::uint64_t>, Task> timers_;
  std::unordered_map<std::uint64_t, Clock::time_point> timer_times_;
  std::unordered_map<std::uint64_t, std::function<void(void*)>> deposits_;
  std::uint64_t last_id_ = 0;
  std::thread thread_;  // last: it uses the others
};

}  // namespace podsandbox::host
