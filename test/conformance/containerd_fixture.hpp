#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/containerd_runtime.hpp"
#include "test/conformance/containerd_node.hpp"
#include "test/conformance/port_user.hpp"

namespace podsandbox::test {

/// The containerd runtime for the conformance suite, with a real containerd. See LinuxFixture about its
/// members.
class ContainerdFixture {
 public:
  ContainerdFixture();
  ~ContainerdFixture();
  ContainerdFixture(const ContainerdFixture&) = delete;
  ContainerdFixture& operator=(const ContainerdFixture&) = delete;

  void restart(const std::function<void()>& meanwhile = [] {});

  /// Each has a shim of some 12 MB.
  static constexpr int many = 20;
  static std::vector<int> exit_codes() { return {0, 1, 2, 7, 125, 126, 127, 128, 137, 143, 254, 255}; }

  PortUser& port() { return *user_; }
  const containerd_runtime::Settings& settings() const { return settings_; }

  SpecPtr plain(const std::string& id) const { return with_hostname(id, "plain"); }
  SpecPtr exiting(const std::string& id, int code) const {
    return with_hostname(id, "exit-" + std::to_string(code));
  }
  SpecPtr crashing(const std::string& id, int signal) const {
    return with_hostname(id, "crash-" + std::to_string(signal));
  }
  /// A task is started when its program is about to be run.
  void until_it_heeds_signals(const Started& started) const;
  std::string leftovers() const;

 private:
  void open();
  SpecPtr with_hostname(const std::string& id, const std::string& hostname) const;

  const ContainerdNode node_;
  std::filesystem::path directory_;
  containerd_runtime::Settings settings_;
  mutable std::set<std::string> ids_;  // that there were
  std::shared_ptr<containerd_client::Connection> containerd_;
  std::shared_ptr<containerd_runtime::ContainerdRuntime> runtime_;
  std::unique_ptr<PortUser> user_;
};

}  // namespace podsandbox::test
