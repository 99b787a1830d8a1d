#include "services/host/cgroup.hpp"
#include "test/crash/site.hpp"
#include "test/linux/runtime_home.hpp"

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;

class LinuxSite final : public Site {
 public:
  // The programs under the names that the daemon's configuration has.
  LinuxSite() {
    fs::create_directory(path() / "programs");
    fs::create_symlink("../keeper", path() / "programs/podsandbox-keeper");
    fs::create_symlink("../pause", path() / "programs/podsandbox-pause");
  }

  const fs::path& path() const override { return home_.path(); }
  DaemonOptions daemon_options() const override {
    DaemonOptions options;
    options.own_programs = true;
    return options;
  }
  std::string id() const override { return "pod-a"; }
  std::string cgroup_parent() const override { return "/" + path().filename().string(); }
  void complete(controller::ControllerCreateRequest& /*request*/) const override {}
  grpc::StatusCode refusal() const override { return grpc::StatusCode::INVALID_ARGUMENT; }
  bool heeds_signals(std::uint32_t /*pid*/) const override { return true; }
  void kill_processes() const override {
    for (const int pid : home_.pauses()) kill_hard(pid);
  }

  std::string leftovers() const override { return home_.leftovers(); }
  std::string other_leftovers() const override {
    std::string all = home_.keepers().empty() ? "" : " a keeper";
    for (const auto& mount : host::find_cgroup_mounts().paths) {
      const auto cgroup = mount.string() + cgroup_parent();
      if (fs::exists(cgroup)) all += " " + cgroup;
    }
    return all;
  }

 private:
  RuntimeHome home_;
};

}  // namespace

std::unique_ptr<Site> make_site() {
  return std::make_unique<LinuxSite>();
}

}  // namespace podsandbox::test
