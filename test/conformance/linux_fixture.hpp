#pragma once

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "services/host/runtime_actor.hpp"
#include "services/linux/linux_runtime.hpp"
#include "test/conformance/port_user.hpp"
#include "test/linux/runtime_home.hpp"
#include "test/linux/specs.hpp"

namespace podsandbox::test {

/// What the conformance suite needs of a runtime, here of the linux one.
class LinuxFixture {
 public:
  LinuxFixture() : LinuxFixture([](linux_runtime::Settings&) {}) {}
  /// With settings that `change` has changed.
  explicit LinuxFixture(const std::function<void(linux_runtime::Settings&)>& change) {
    settings_ = home_.settings();
    change(settings_);
    open();
  }

  /// Another life of the daemon.
  void restart() {
    user_.reset();
    runtime_.reset();
    open();
  }

  /// How many sandboxes there are at once where there are to be many.
  static constexpr int many = 200;
  /// What processes exit with where all of it is to be told.
  static std::vector<int> exit_codes() {
    std::vector<int> all(256);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  PortUser& port() { return *user_; }
  RuntimeHome& home() { return home_; }

  /// A sandbox whose first process runs until it is told to end.
  SpecPtr plain(const std::string& id) const { return share(spec_of(id)); }
  /// One whose first process exits with `code` by itself.
  SpecPtr exiting(const std::string& id, int code) const {
    return with_hostname(id, "exit-" + std::to_string(code));
  }
  /// One whose first process dies of a fault that raises `signal` (SIGBUS or SIGSEGV).
  SpecPtr crashing(const std::string& id, int signal) const {
    return with_hostname(id, "crash-" + std::to_string(signal));
  }
  /// Waits until a process that has been started heeds the signals that shall end it.
  void until_it_heeds_signals(const Started& /*started*/) const {}  // it does
  /// What of sandboxes is left; empty: nothing.
  std::string leftovers() const { return home_.leftovers(); }

 private:
  void open() {
    runtime_ = linux_runtime::LinuxRuntime::open(settings_).value();
    user_ = std::make_unique<PortUser>(
        [this](caf::actor_system& system) { return host::spawn_runtime(system, runtime_); });
  }

  RuntimeHome home_;
  linux_runtime::Settings settings_;
  std::shared_ptr<linux_runtime::LinuxRuntime> runtime_;
  std::unique_ptr<PortUser> user_;
};

}  // namespace podsandbox::test
