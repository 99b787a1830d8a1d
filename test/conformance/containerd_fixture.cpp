#include "test/conformance/containerd_fixture.hpp"

#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "services/host/runtime_actor.hpp"
#include "test/linux/eventually.hpp"
#include "test/linux/specs.hpp"

namespace podsandbox::test {

namespace fs = std::filesystem;

ContainerdFixture::ContainerdFixture() {
  std::string pattern = node_.directory() / "runtime-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  directory_ = pattern;
  settings_.data_dir = directory_ / "data";
  settings_.owner = directory_.filename();
  settings_.containerd_address = node_.socket();
  settings_.look_every = std::chrono::hours(1);  // an exit is told because it is noticed
  settings_.cri.root_dir = directory_ / "cri-root";
  settings_.cri.state_dir = directory_ / "cri-state";
  settings_.cri.sandbox_image = node_.sandbox_image();
  settings_.cri.defaults.snapshotter = node_.snapshotter();
  settings_.cri.defaults.restrict_oom_score_adj = true;  // not every machine lets root lower its own
  open();
}

// Also what a test that failed has left, or it would be in the way of the next one.
ContainerdFixture::~ContainerdFixture() {
  for (const auto& id : ids_) (void)user_->cleanup(id);
  user_.reset();
  runtime_.reset();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void ContainerdFixture::open() {
  constexpr auto call_timeout = std::chrono::seconds(10);
  containerd_ = std::make_shared<containerd_client::Connection>(node_.socket(), call_timeout);
  runtime_ = containerd_runtime::ContainerdRuntime::open(settings_, containerd_).value();
  user_ = std::make_unique<PortUser>(
      [this](caf::actor_system& system) { return host::spawn_runtime(system, runtime_); });
}

void ContainerdFixture::restart(const std::function<void()>& meanwhile) {
  user_.reset();
  runtime_.reset();
  meanwhile();
  open();
}

SpecPtr ContainerdFixture::with_hostname(const std::string& id, const std::string& hostname) const {
  SandboxSpec spec = spec_of(id, [&](auto& config) {
    config.set_hostname(hostname);
    config.mutable_linux()->set_cgroup_parent(node_.cgroup_parent());
  });
  spec.runtime_name = ContainerdNode::runtime_name;
  spec.runtime_options = node_.runtime_options();
  if (is_identifier(id)) ids_.insert(id);
  return share(std::move(spec));
}

void ContainerdFixture::until_it_heeds_signals(const Started& started) const {
  if (!eventually([&] { return pause_heeds_signals(started.pid); })) {
    throw std::runtime_error("the pause program does not run");
  }
}

std::string ContainerdFixture::leftovers() const {
  return node_.leftovers(ids_) + files_in({settings_.records_dir(), directory_ / "cri-root/sandboxes",
                                           directory_ / "cri-state/sandboxes"});
}

}  // namespace podsandbox::test
