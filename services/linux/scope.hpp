#pragma once

#include <chrono>
#include <string>

#include "messages/error.hpp"

/// Transient scopes: cgroups in systemd's slices, asked of systemd, since it alone may make any there. Every
/// function blocks until `deadline` at most.
namespace podsandbox::linux_runtime {

using ScopeDeadline = std::chrono::steady_clock::time_point;

/// The D-Bus on which systemd is.
struct ScopeBus {
  std::string address;  ///< in D-Bus's form; empty: the system bus
};

/// A scope to be, with the least share of the CPU.
struct Scope {
  std::string unit;  ///< its name
  std::string description;
  std::string slice;     ///< the unit that it is in; systemd makes it where needed
  int pid = 0;           ///< the process that is moved into it
  bool unified = false;  ///< its cgroup is one of v2
};

/// Done when the process is in its cgroup. ALREADY_EXISTS when a unit of that name is alive; a dead one is
/// replaced. FAILED_PRECONDITION when there is no systemd to ask. After any other error the scope may exist
/// or come to exist: call `stop_scope`.
Result<Done> start_scope(const ScopeBus& bus, const Scope& scope, ScopeDeadline deadline);

/// Ends what runs in it. Done when systemd has removed it and its cgroup; also when there was none.
/// FAILED_PRECONDITION when there is no systemd to ask.
Result<Done> stop_scope(const ScopeBus& bus, const std::string& unit, ScopeDeadline deadline);

}  // namespace podsandbox::linux_runtime
