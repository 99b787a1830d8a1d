#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "test/integration/daemon_leftovers.hpp"
#include "test/integration/storm_site.hpp"

namespace podsandbox::test {

namespace {

class LinuxStormSite final : public StormSite {
 public:
  StormMeasure measure() const override { return {50, 500, 60, 40, 6}; }
  DaemonOptions daemon_options() const override {
    DaemonOptions options;
    options.own_programs = true;
    return options;
  }

  controller::ControllerCreateRequest request(const std::string& id) override {
    return create_request(id, "/" + cgroup_parent_);
  }
  void before_create(const std::string& /*id*/) override {}
  void after_removal(const std::string& /*id*/) override {}
  bool heeds_signals(std::uint32_t /*pid*/) const override { return true; }

  bool is_harmed_in(int round, bool daemon_serves) const override {
    return !daemon_serves && round == measure().rounds / 2;
  }
  void harm(const DaemonProcess& daemon) override {
    const auto keepers = keepers_of(daemon);
    if (keepers.size() != 1) {
      throw std::runtime_error("there are " + std::to_string(keepers.size()) + " keepers");
    }
    kill(keepers.front(), SIGKILL);
  }
  void mend() override {}  // the next daemon has another one
  bool harm_loses_exits() const override { return true; }
  bool harm_fails_starts() const override { return false; }

  std::string leftovers(const DaemonProcess& daemon) const override {
    return leftovers_of(daemon) + cgroups_at(cgroup_parent_);
  }

 private:
  const std::string cgroup_parent_ = "podsandbox-storm-" + std::to_string(getpid());
};

}  // namespace

std::unique_ptr<StormSite> make_storm_site() {
  return std::make_unique<LinuxStormSite>();
}

}  // namespace podsandbox::test
