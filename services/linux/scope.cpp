#include "services/linux/scope.hpp"

#include <cstdint>
#include <memory>

#include "services/linux/systemd_connection.hpp"

namespace podsandbox::linux_runtime {

namespace {

using JobResult = tl::expected<std::string, BusError>;

JobResult ask_to_start(SystemdConnection& systemd, const Scope& scope) {
  constexpr unsigned properties = 7;
  return systemd.run_job("StartTransientUnit", "ssa(sv)a(sa(sv))", scope.unit.c_str(), "replace",  //
                         properties,                                                               //
                         "Description", "s", scope.description.c_str(),                            //
                         "Slice", "s", scope.slice.c_str(),                                        //
                         "DefaultDependencies", "b", 0,             // it ends with its pod
                         "CollectMode", "s", "inactive-or-failed",  // nobody looks at a dead one
                         "Delegate", "b", 1,                        // systemd is to leave it alone
                         scope.unified ? "CPUWeight" : "CPUShares", "t",
                         std::uint64_t{scope.unified ? 1U : 2U},                   //
                         "PIDs", "au", 1U, static_cast<std::uint32_t>(scope.pid),  //
                         0U);                                                      // no further units
}

tl::expected<Done, BusError> reset_failed(SystemdConnection& systemd, const std::string& unit) {
  const auto reset = systemd.call("ResetFailedUnit", "s", unit.c_str());
  if (!reset && reset.error().name != no_such_unit) return tl::unexpected(reset.error());
  return Done{};
}

// Whether the unit is no more, or is dead and now forgotten.
tl::expected<bool, BusError> forget_dead(SystemdConnection& systemd, const std::string& unit) {
  const auto state = systemd.state_of(unit);
  if (!state) return tl::unexpected(state.error());
  if (*state == "failed") {
    if (auto reset = reset_failed(systemd, unit); !reset) return tl::unexpected(reset.error());
  }
  return *state == "failed" || *state == "inactive";
}

Result<Done> check(const JobResult& job, const std::string& what) {
  if (!job) return tl::unexpected(describe(job.error(), what));
  if (*job == "done") return Done{};
  const auto kind = *job == "canceled" || *job == "timeout" ? ErrorKind::unavailable : ErrorKind::internal;
  return failure(kind, what + ": its job ended with \"" + *job + "\"");
}

}  // namespace

Result<Done> start_scope(const ScopeBus& bus, const Scope& scope, ScopeDeadline deadline) {
  const std::string what = "starting scope " + scope.unit + " in " + scope.slice;
  const auto systemd = SystemdConnection::open(bus.address, deadline);
  if (!systemd) return failure(systemd.error().kind, what + ": " + systemd.error().message);
  auto job = ask_to_start(**systemd, scope);
  if (!job && job.error().name == unit_exists) {
    const auto forgotten = forget_dead(**systemd, scope.unit);
    if (!forgotten) return tl::unexpected(describe(forgotten.error(), what));
    if (*forgotten) job = ask_to_start(**systemd, scope);
  }
  return check(job, what);
}

Result<Done> stop_scope(const ScopeBus& bus, const std::string& unit, ScopeDeadline deadline) {
  const std::string what = "stopping scope " + unit;
  const auto systemd = SystemdConnection::open(bus.address, deadline);
  if (!systemd) return failure(systemd.error().kind, what + ": " + systemd.error().message);
  const auto job = (*systemd)->run_job("StopUnit", "ss", unit.c_str(), "replace");
  if (!job && job.error().name == no_such_unit) return Done{};
  if (auto stopped = check(job, what); !stopped) return stopped;
  const auto gone = forget_dead(**systemd, unit);
  if (!gone) return tl::unexpected(describe(gone.error(), what));
  if (!*gone) return failure(ErrorKind::unavailable, what + ": it lives on");
  return Done{};
}

}  // namespace podsandbox::linux_runtime
