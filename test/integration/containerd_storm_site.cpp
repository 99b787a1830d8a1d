#include <mutex>
#include <set>

#include "test/conformance/containerd_node.hpp"
#include "test/integration/containerd_process.hpp"
#include "test/integration/daemon_leftovers.hpp"
#include "test/integration/sandbox_records.hpp"
#include "test/integration/storm_site.hpp"

namespace podsandbox::test {

namespace {

/// Its pods have shims, and containerd is killed, too: once while the daemon is away, once while it serves.
class ContainerdStormSite final : public StormSite {
 public:
  StormMeasure measure() const override { return {20, 1500, 25, 15, 3}; }
  DaemonOptions daemon_options() const override {
    DaemonOptions options;
    options.own_programs = true;
    options.containerd = node_.socket();
    options.config = node_.daemon_config();
    return options;
  }

  controller::ControllerCreateRequest request(const std::string& id) override {
    auto request = create_request(id, node_.cgroup_parent());
    node_.complete(request);
    return request;
  }

  void before_create(const std::string& id) override {
    records_.write(id);
    const std::lock_guard lock(mutex_);
    ids_.insert(id);
  }
  void after_removal(const std::string& id) override { records_.remove(id); }
  bool heeds_signals(std::uint32_t pid) const override { return pause_heeds_signals(pid); }

  bool is_harmed_in(int round, bool daemon_serves) const override {
    return round == (daemon_serves ? 14 : 5);
  }
  void harm(const DaemonProcess& /*daemon*/) override { kill_containerd(); }
  void mend() override { start_containerd(); }
  bool harm_loses_exits() const override { return false; }  // shims know them
  bool harm_fails_starts() const override { return true; }

  std::string leftovers(const DaemonProcess& daemon) const override {
    const std::lock_guard lock(mutex_);
    return node_.leftovers(ids_) + leftovers_of(daemon);
  }

 private:
  const ContainerdNode node_;
  const SandboxRecords records_{node_.socket()};
  mutable std::mutex mutex_;
  std::set<std::string> ids_;  // that there were
};

}  // namespace

std::unique_ptr<StormSite> make_storm_site() {
  return std::make_unique<ContainerdStormSite>();
}

}  // namespace podsandbox::test
