#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "services/linux/linux_runtime.hpp"
#include "services/linux/shims/shim_place.hpp"
#include "test/linux/runtime_home.hpp"
#include "test/linux/shim_client.hpp"

namespace podsandbox::test {

/// The log, for as long as this lives.
class ShimLog {
 public:
  ShimLog();
  ~ShimLog();
  ShimLog(const ShimLog&) = delete;
  ShimLog& operator=(const ShimLog&) = delete;

  /// How many lines ("component sandbox message") have this in them.
  unsigned count(const std::string& text);

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A runtime whose pods, each of the id "pod", get a shim for which a program stands in (test_shim.cpp).
struct ShimPods {
  ShimPods();
  ~ShimPods();
  ShimPods(const ShimPods&) = delete;
  ShimPods& operator=(const ShimPods&) = delete;

  void open();
  void close() { runtime.reset(); }

  std::filesystem::path program() const { return home.path() / "containerd-shim-runc-v2"; }
  /// What the shims that are started from now on do.
  void mode(const std::string& how) const;

  SandboxSpec spec() const;
  Result<Started> start(const SandboxSpec& wanted);
  void start();
  Result<Done> cleanup();
  /// Nothing of the pod is left then.
  void remove();

  linux_runtime::ShimPlace place() const;
  ShimClient connect(const std::string& request = "pid") const { return {place().socket, request}; }

  /// The pid of the shim that answers; 0: none does.
  int ask(const std::string& request = "pid") const;
  /// Until one does: those that meet a shim's end get no answer.
  int ask_until_answered() const;

  std::vector<int> starts() const;
  /// Also dead ones that nobody has reaped.
  std::vector<int> living() const;
  std::string remains() const;

  /// A container of the pod in the OCI runtime's state, which `delete` removes and `state` knows nothing of.
  std::filesystem::path container() const { return home.path() / "runc/k8s.io/left"; }
  void leave_container(bool can_be_removed = true) const;

  ShimLog log;
  RuntimeHome home;
  linux_runtime::Settings settings;
  std::shared_ptr<linux_runtime::LinuxRuntime> runtime;
};

}  // namespace podsandbox::test
