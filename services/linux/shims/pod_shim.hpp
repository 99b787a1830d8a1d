#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "services/linux/context.hpp"
#include "services/linux/shims/shim_end.hpp"
#include "services/linux/shims/shim_log.hpp"
#include "services/linux/shims/shim_plan.hpp"
#include "services/linux/shims/shim_record.hpp"

namespace podsandbox::linux_runtime {

/// The shim of one pod, started whenever somebody connects to the pod's socket. Does what its plan says.
/// Lives on the loop.
class PodShim : public std::enable_shared_from_this<PodShim> {
 public:
  PodShim(const Context& context, ShimLogs& logs, std::string id);
  ~PodShim();
  PodShim(const PodShim&) = delete;
  PodShim& operator=(const PodShim&) = delete;

  /// Makes bundle and socket. On failure something may be left.
  Result<Done> open();

  /// Goes on with what an earlier life has left.
  void take_up(FormerShims& former);

  /// Ends the shim and removes bundle and socket. UNAVAILABLE while it has containers: then it goes on.
  void end(std::function<void(Result<Done>)> done);

 private:
  void perform(const ShimPlan::Actions& actions);
  bool perform(const ShimAction& action);

  void take_kept();
  Result<Done> listen();
  bool watch_socket();
  void unwatch_socket();
  void start();
  void started(Result<ShimProcess>&& shim);
  void watch_process(ShimProcess shim);
  void process_ended();
  void refuse();
  void list_lost();
  void lost_listed(const Result<std::vector<std::string>>& lost);
  void remove_lost();
  void lost_removed(const Result<Done>& removed);
  void set_timer(ShimTimes::Duration delay);
  void cancel(std::optional<host::Loop::TimerId>& timer);
  void end_now();
  void ended(const Result<Done>& result);
  Result<Done> forget();

  const Context& context_;
  ShimLogs& logs_;
  const std::string id_;
  const ShimPlace place_;
  const PodContainers containers_;
  ShimPlan plan_;
  host::UniqueFd listener_;  // empty while an adopted shim has the only one, and nobody kept ours
  std::optional<host::Loop::WatchId> listener_watch_;
  std::optional<ShimProcess> process_;
  std::optional<host::Loop::WatchId> process_watch_;
  std::optional<host::Loop::TimerId> timer_;
  unsigned listings_ = 0;       // the answer of an earlier one is late
  std::set<std::string> lost_;  // containers that are to be removed
  bool removes_lost_ = false;   // now
  ShimTimes::Duration lost_pause_{};
  std::optional<host::Loop::TimerId> lost_timer_;
  std::function<void(Result<Done>)> end_answer_;  // empty: nobody waits for the end
  std::optional<host::Loop::TimerId> end_timer_;
};

}  // namespace podsandbox::linux_runtime
