#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "services/host/cgroup.hpp"
#include "test/conformance/containerd_node.hpp"
#include "test/crash/site.hpp"

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;

/// All sites share the containerd.
class ContainerdSite final : public Site {
 public:
  ContainerdSite() {
    std::string pattern = node_.directory() / "row-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
    path_ = pattern;
  }
  ~ContainerdSite() override {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  const fs::path& path() const override { return path_; }
  DaemonOptions daemon_options() const override {
    DaemonOptions options;
    options.containerd = node_.socket();
    options.config = node_.daemon_config();
    return options;
  }
  std::string id() const override { return path_.filename(); }
  std::string cgroup_parent() const override { return node_.cgroup_parent(); }
  void complete(controller::ControllerCreateRequest& request) const override { node_.complete(request); }
  grpc::StatusCode refusal() const override {
    return grpc::StatusCode::INTERNAL;
  }  // runc's words, as they come
  bool heeds_signals(std::uint32_t pid) const override { return pause_heeds_signals(pid); }
  bool has_shims() const override { return false; }  // those are containerd's
  void kill_processes() const override {
    for (const auto& mount : host::find_cgroup_mounts().paths) {
      std::ifstream processes(mount.string() + cgroup_parent() + "/" + id() + "/cgroup.procs");
      for (int pid = 0; processes >> pid;) ::kill(pid, SIGKILL);
    }
  }

  std::string leftovers() const override {
    return node_.leftovers({id()}) +
           files_in({path_ / "data/containers", path_ / "cri-root/sandboxes", path_ / "cri-state/sandboxes"});
  }
  std::string other_leftovers() const override { return {}; }

 private:
  const ContainerdNode node_;
  fs::path path_;
};

}  // namespace

std::unique_ptr<Site> make_site() {
  return std::make_unique<ContainerdSite>();
}

}  // namespace podsandbox::test
