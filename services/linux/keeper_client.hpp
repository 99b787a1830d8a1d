#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "services/host/loop.hpp"
#include "services/host/unique_fd.hpp"
#include "services/linux/keeper_protocol.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox::linux_runtime {

/// What the keeper answered. `reply.error` is its verdict: a refusal is an answer as well.
struct KeeperAnswer {
  KeeperReply reply{};
  host::UniqueFd pidfd;
};

/// What a child is made from (keeper_protocol.hpp).
struct SpawnOrder {
  bool host_pid = false;
  host::UniqueFd control;
  host::UniqueFd program;
  host::UniqueFd user;    // empty: in our user namespace
  host::UniqueFd cgroup;  // empty: in the keeper's cgroup
};

/// The daemon's side of the keeper's socket. Connects, starts a keeper when none listens, and connects again
/// when the connection is lost. Lives on the loop: every function is called there and every callback runs
/// there.
class KeeperClient {
 public:
  using Callback = std::function<void(Result<KeeperAnswer>&&)>;

  struct Events {
    std::function<void()> connected;  ///< a connection is there; nothing is known of what answers
    std::function<void(const Error&)>
        failed;  ///< it is lost, or there is none: the next attempt comes by itself
  };

  KeeperClient(host::Loop& loop, Settings settings, Events events);
  ~KeeperClient();
  KeeperClient(const KeeperClient&) = delete;
  KeeperClient& operator=(const KeeperClient&) = delete;

  /// Makes the first attempt to connect.
  void connect();

  /// Those that have not been answered never will be.
  void forget_calls();

  /// Each is answered in the end: UNAVAILABLE when there is no connection, or it is lost before the answer
  /// came; what was asked may then have happened nevertheless.
  void spawn(const std::string& id, SpawnOrder order, Callback callback);
  void look(const std::string& id, Callback callback);
  void next(unsigned slot, Callback callback);
  void reap(const std::string& id, int pid, Callback callback);

 private:
  struct Call {
    KeeperRequest request;
    std::vector<host::UniqueFd> attached;
    Callback callback;
  };

  void use(host::UniqueFd connection);
  void watch_trouble(host::UniqueFd trouble);
  void call(KeeperRequest request, std::vector<host::UniqueFd> attached, Callback callback);
  void send_waiting();
  void receive();
  void arm_deadline();
  void disarm_deadline();
  std::optional<int> read_exec_error();
  void lose(const std::string& why);
  void retry_later(const Error& error);

  host::Loop& loop_;
  const Settings settings_;
  const Events events_;
  host::UniqueFd connection_;
  host::UniqueFd trouble_;
  std::optional<host::Loop::WatchId> connection_watch_;
  std::optional<host::Loop::WatchId> trouble_watch_;
  std::optional<int> exec_error_;  // of the keeper that we started last
  std::optional<host::Loop::TimerId> deadline_;
  std::optional<host::Loop::TimerId> retry_;
  std::chrono::milliseconds pause_{0};  // before the next attempt
  std::deque<Call> sent_;               // in the order of the answers
  std::deque<Call> waiting_;
  Error last_error_;
};

}  // namespace podsandbox::linux_runtime
