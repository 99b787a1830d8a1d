#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

/// What is to be done, and when, so that a pod has a shim whenever somebody wants to speak to one. Pure.
namespace podsandbox::linux_runtime {

struct ShimTimes {
  using Duration = std::chrono::steady_clock::duration;

  Duration short_life = std::chrono::seconds(2);   ///< one that ends sooner may have failed
  Duration first_pause = std::chrono::seconds(1);  ///< after a failure; then twice as long each time
  Duration longest_pause = std::chrono::seconds(10);
  Duration pace = std::chrono::milliseconds(100);  ///< after a short life that was none
  Duration patience = std::chrono::seconds(10);    ///< with a start, a new shim, a list of what was lost
};

enum class ShimStep : std::uint8_t {
  listen,        ///< at the pod's socket anew; tell with `listen_failed` if that fails, and drop what follows
  watch,         ///< for connections
  unwatch,       ///<
  start,         ///< a shim; tell with `started` or `start_failed`
  refuse,        ///< the connections that wait: accept and close them, so that their clients know
  list_lost,     ///< the containers that no shim looks after any more; tell with `lost_listed`
  set_timer,     ///< in place of the one before; tell with `timer`
  cancel_timer,  ///< which need not be set
  end,           ///< the shim if it runs, and what is left without one; tell with `end_done` or `end_failed`
  forget,        ///< everything: the pod is over
};

struct ShimAction {
  ShimStep step;
  ShimTimes::Duration delay{};

  bool operator==(const ShimAction&) const = default;
};

/// The shim of one pod. Each event returns what is to be done about it, in order; an event that does not
/// belong to the state that it finds is a late one, and nothing is done.
class ShimPlan {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Actions = std::vector<ShimAction>;

  explicit ShimPlan(const ShimTimes& times) : times_(times), pause_(times.first_pause) {}

  /// The first event is one of these. There was no shim yet:
  Actions begin();
  /// An earlier life of the daemon started one that runs. We may have no socket until it ends.
  Actions begin_with_running();
  /// An earlier life started one, and it is not there any more.
  Actions begin_with_ended();

  Actions listen_failed();
  Actions connection();
  Actions started(Time now);
  Actions start_failed();
  /// `failed`: it did not end as one that was asked to end. `waiting`: connections wait.
  Actions ended(Time now, bool failed, bool waiting);
  Actions lost_listed();
  /// `waiting`: connections wait.
  Actions timer(bool waiting);

  /// The pod is being removed.
  Actions end_asked();
  /// Nobody waits for that any more: a start has not been over in time.
  void end_given_up();
  Actions end_done();
  Actions end_failed();

  bool over() const { return state_ == State::over; }

 private:
  enum class State : std::uint8_t { fresh, idle, starting, running, listing, pausing, ending, over };

  Actions rest();
  Actions list_lost();
  Actions end(Actions before);
  ShimTimes::Duration next_pause();

  ShimTimes times_;
  State state_ = State::fresh;
  bool listens_ = false;  // there is a socket, and it is ours
  bool has_process_ = false;
  bool end_wanted_ = false;           // while a start is not over
  std::optional<Time> started_at_;    // unknown: long ago
  ShimTimes::Duration pause_;         // after the next failure
  ShimTimes::Duration rest_after_{};  // when what was lost is listed
};

}  // namespace podsandbox::linux_runtime
