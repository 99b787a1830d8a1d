#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

/// Where a row of the matrix takes place: a directory of its own for the daemon, and what depends on the
/// runtime that is under test. Everything of it is gone with it.
class Site {
 public:
  Site() = default;
  virtual ~Site() = default;
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  virtual const std::filesystem::path& path() const = 0;
  virtual DaemonOptions daemon_options() const = 0;
  /// The row's one sandbox: its id, its cgroup's parent, and what else its Create says.
  virtual std::string id() const = 0;
  virtual std::string cgroup_parent() const = 0;
  virtual void complete(controller::ControllerCreateRequest& request) const = 0;
  /// With what a Start is refused that asks for the impossible.
  virtual grpc::StatusCode refusal() const = 0;
  /// Whether the sandbox's process, which has been started, heeds the signals that shall end it.
  virtual bool heeds_signals(std::uint32_t pid) const = 0;
  /// Whether there is a program that stands in for a shim, as `complete` says.
  virtual bool has_shims() const = 0;
  /// Kills what runs of sandboxes, behind the daemon's back.
  virtual void kill_processes() const = 0;

  /// What is left of sandboxes, as text; empty: nothing.
  virtual std::string leftovers() const = 0;
  /// And of all else, when there is no daemon any more.
  virtual std::string other_leftovers() const = 0;
};

/// That of the runtime that the program is linked for.
std::unique_ptr<Site> make_site();

}  // namespace podsandbox::test
