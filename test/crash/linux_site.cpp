#include <cstdlib>

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
    fs::create_directory(path() / "programs/shims");
    fs::copy_file(PODSANDBOX_TEST_SHIM, shim());
  }
  ~LinuxSite() override {
    for (const int pid : shims()) kill_hard(pid);
  }

  const fs::path& path() const override { return home_.path(); }
  DaemonOptions daemon_options() const override {
    DaemonOptions options;
    options.own_programs = true;
    options.containerd = path() / "no-containerd.sock";
    return options;
  }
  std::string id() const override { return "pod-a"; }
  std::string cgroup_parent() const override { return "/" + path().filename().string(); }
  void complete(controller::ControllerCreateRequest& request) const override {
    request.mutable_sandbox()->mutable_runtime()->set_name(shim());
  }
  grpc::StatusCode refusal() const override { return grpc::StatusCode::INVALID_ARGUMENT; }
  bool heeds_signals(std::uint32_t /*pid*/) const override { return true; }
  bool has_shims() const override { return true; }
  void kill_processes() const override {
    for (const int pid : home_.pauses()) kill_hard(pid);
  }

  std::string leftovers() const override {
    std::string all = home_.leftovers();
    for (const int pid : shims()) all += " shim " + std::to_string(pid);
    return all;
  }
  std::string other_leftovers() const override {
    std::string all = home_.keepers().empty() ? "" : " a keeper";
    for (const auto& mount : host::find_cgroup_mounts().paths) {
      const auto cgroup = mount.string() + cgroup_parent();
      if (fs::exists(cgroup)) all += " " + cgroup;
    }
    return all;
  }

 private:
  fs::path shim() const { return path() / "programs/containerd-shim-runc-v2"; }
  /// Each has left a file of its pid's name.
  std::vector<int> shims() const {
    std::vector<int> pids;
    for (const auto& entry : fs::directory_iterator(path() / "programs/shims")) {
      const std::string pid = entry.path().filename();
      std::error_code gone;
      if (fs::read_symlink("/proc/" + pid + "/exe", gone) == shim()) pids.push_back(std::atoi(pid.c_str()));
    }
    return pids;
  }

  RuntimeHome home_;
};

}  // namespace

std::unique_ptr<Site> make_site() {
  return std::make_unique<LinuxSite>();
}

}  // namespace podsandbox::test
