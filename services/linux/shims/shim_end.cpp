#include "services/linux/shims/shim_end.hpp"

#include <algorithm>
#include <csignal>

#include "messages/failpoint.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/shim.hpp"
#include "services/host/system_error.hpp"

namespace podsandbox::linux_runtime {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// One that has no container ends at once.
constexpr milliseconds at_once{300};

std::string names_of(const std::vector<std::string>& ids) {
  std::string names;
  for (const auto& id : ids) names += (names.empty() ? "" : ", ") + id;
  return names;
}

// Whoever has a pod removed has removed its containers. But a containerd that died while it removed one may
// never ask the shim for that again.
Result<Done> remove_forgotten(const PodContainers& containers, const std::vector<std::string>& left,
                              Clock::time_point until) {
  const auto time = std::chrono::ceil<milliseconds>(until - Clock::now()) / 2;
  auto removed = containers.remove(left, std::max(time, at_once));
  if (removed) return removed;
  return failure(ErrorKind::unavailable,
                 "its shim still has " + names_of(left) + ": " + removed.error().message);
}

Result<Done> end_process(const ShimPlace& place, const host::UniqueFd& pidfd, const PodContainers& containers,
                         Clock::time_point until) {
  // It must run: else it would be we who have a shim started. If it ends now, nobody reads what we send.
  if (host::has_ended(pidfd.get())) return Done{};
  failpoint("shim is told to end");
  const auto asked = host::send_shutdown(place.socket);
  if (host::ends_by(pidfd.get(), std::min(Clock::now() + at_once, until))) return Done{};
  const auto left = containers.list();
  if (!left) return failure(left.error().kind, "its containers: " + left.error().message);
  if (left->empty()) {
    if (host::ends_by(pidfd.get(), Clock::now() + (until - Clock::now()) / 2)) return Done{};
  } else if (auto removed = remove_forgotten(containers, *left, until); !removed) {
    return removed;
  }
  if (const int error = host::send_signal(pidfd.get(), SIGKILL); error != 0 && error != ESRCH) {
    return failure(ErrorKind::internal, host::because("killing its shim", error));
  }
  if (host::ends_by(pidfd.get(), until)) return Done{};
  return failure(ErrorKind::unavailable, "its shim does not die of SIGKILL");
}

}  // namespace

Result<Done> end_shim_of_pod(const ShimPlace& place, const host::UniqueFd& pidfd,
                             const PodContainers& containers, milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  if (pidfd) {
    if (auto ended = end_process(place, pidfd, containers, until); !ended) return ended;
    failpoint("shim has ended");
  }
  const auto left = containers.list();
  if (!left) return failure(left.error().kind, "its containers: " + left.error().message);
  if (left->empty()) return Done{};
  const auto time = std::chrono::ceil<milliseconds>(until - Clock::now());
  return containers.remove(*left, std::max(time, at_once)).map_error([](Error error) {
    error.message = "what its shim has left: " + error.message;
    return error;
  });
}

}  // namespace podsandbox::linux_runtime
