#include "services/linux/shims/shims.hpp"

#include <filesystem>
#include <utility>

#include "services/linux/context.hpp"
#include "services/linux/shims/pod_shim.hpp"
#include "services/linux/shims/shim_record.hpp"

namespace podsandbox::linux_runtime {

Shims::Shims(const Context& context) : context_(context) {}

Shims::~Shims() = default;

void Shims::take_up() {
  if (context_.settings.containerd_address.empty()) return;
  FormerShims former(context_.settings.state_dir);
  for (const auto& id : former.ids()) {
    const auto shim = std::make_shared<PodShim>(context_, logs_, id);
    shims_.emplace(id, shim);
    shim->take_up(former);
  }
}

bool Shims::serves(const SandboxSpec& spec) const {
  return !context_.settings.containerd_address.empty() && !spec.sandboxer.empty() &&
         !spec.runtime_name.empty();
}

std::string Shims::address(const std::string& id) const {
  return "ttrpc+unix://" + shim_place(context_.settings.state_dir, id).socket;
}

Result<Done> Shims::open(const std::string& id) {
  if (shims_.contains(id)) {
    return failure(ErrorKind::failed_precondition, "there is a shim of a former pod of this id");
  }
  const auto shim = std::make_shared<PodShim>(context_, logs_, id);
  auto opened = shim->open();
  if (opened) shims_[id] = shim;
  return opened;
}

void Shims::end(const std::string& id, std::function<void(Result<Done>)> done) {
  const auto known = shims_.find(id);
  auto shim = known == shims_.end() ? nullptr : known->second;
  if (!shim) {
    std::error_code error;
    if (!std::filesystem::exists(shim_place(context_.settings.state_dir, id).bundle, error)) {
      return done(Done{});
    }
    shim = std::make_shared<PodShim>(context_, logs_, id);
    shims_.emplace(id, shim);
    FormerShims former(context_.settings.state_dir);
    shim->take_up(former);
  }
  shim->end([this, id, done = std::move(done)](Result<Done> ended) {
    if (ended) shims_.erase(id);
    done(std::move(ended));
  });
}

}  // namespace podsandbox::linux_runtime
