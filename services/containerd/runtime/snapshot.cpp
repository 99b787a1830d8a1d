#include "services/containerd/runtime/snapshot.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "proto/cri.pb.h"
#include "services/containerd/runtime/ask.hpp"
#include "services/containerd/runtime/container.hpp"
#include "services/oci/namespaces.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using host::Flow;

std::string range(const ::runtime::v1::IDMapping& mapping) {
  return "0:" + std::to_string(mapping.host_id()) + ":" + std::to_string(mapping.length());
}

// A snapshotter that can shows the files as owned by the pod's root. Without, they are nobody's there, which
// does for a pause program that everybody may read.
Flow<Result<Labels>> mapping_labels(const Context& context, const SnapshotWish& wish) {
  if (!oci::is_mapped(wish.sandbox)) co_return Labels{};
  auto asking = context.api.snapshotter_capabilities(wish.snapshotter);
  const auto capabilities = co_await asking;
  if (!capabilities) co_return tl::unexpected<Error>(capabilities.error());
  if (std::find(capabilities->begin(), capabilities->end(), "remap-ids") == capabilities->end()) {
    co_return Labels{};
  }
  const auto& userns = wish.sandbox.config->linux().security_context().namespace_options().userns_options();
  co_return Labels{{"containerd.io/snapshot/uidmapping", range(userns.uids(0))},
                   {"containerd.io/snapshot/gidmapping", range(userns.gids(0))}};
}

std::string lease_name(const std::string& id) {
  return "podsandboxd-" + id;
}

class Making {
 public:
  Making(const Context& context, SandboxPtr sandbox, SnapshotWish wish)
      : context_(context), sandbox_(std::move(sandbox)), wish_(std::move(wish)) {}

  Flow<Result<Mounts>> run();

 private:
  Flow<Result<Mounts>> under_our_lease();
  Flow<Result<Done>> make_lease();
  Api::Answer<Mounts> prepare(const std::string& lease) const {
    return context_.api.prepare_snapshot(wish_.snapshotter, sandbox_->id, wish_.image.content->chain_id(),
                                         labels_, lease);
  }

  const Context& context_;
  const SandboxPtr sandbox_;
  const SnapshotWish wish_;
  Labels labels_;
};

Flow<Result<Mounts>> Making::run() {
  labels_ = snapshot_labels(wish_.sandbox, context_.settings.owner);
  auto asking = mapping_labels(context_, wish_);
  auto mapping = co_await asking;
  if (!mapping) co_return failed("asking what the snapshotter can do", mapping.error());
  labels_.merge(*mapping);

  // CRI holds a lease for each of its pods, of the pod's id, from before its Create until it removes the pod.
  Result<Mounts> mounts = failure(ErrorKind::not_found, "it is not CRI's");
  if (!wish_.sandbox.sandboxer.empty()) {
    auto preparing = prepare(sandbox_->id);
    mounts = co_await preparing;
  }
  if (!mounts && mounts.error().kind == ErrorKind::not_found) {  // that lease, or the parent
    auto making = under_our_lease();
    mounts = co_await making;
  }
  if (!mounts) co_return failed("making its snapshot", mounts.error());
  co_return mounts;
}

Flow<Result<Mounts>> Making::under_our_lease() {
  auto leasing = make_lease();
  if (const auto leased = co_await leasing; !leased) co_return tl::unexpected<Error>(leased.error());
  auto preparing = prepare(lease_name(sandbox_->id));
  auto mounts = co_await preparing;
  if (mounts || mounts.error().kind != ErrorKind::not_found) co_return mounts;
  auto unpacking = context_.images.unpack(wish_.image, wish_.snapshotter);
  const auto unpacked = co_await unpacking;
  if (!unpacked) co_return failed("unpacking its image", unpacked.error());
  auto preparing_again = prepare(lease_name(sandbox_->id));
  co_return co_await preparing_again;
}

Flow<Result<Done>> Making::make_lease() {
  sandbox_->leased = true;
  auto leasing = context_.api.create_lease(lease_name(sandbox_->id));
  const auto leased = co_await leasing;
  const bool has_one =
      leased || leased.error().kind == ErrorKind::already_exists;  // of a start that was undone
  if (!has_one) co_return failed("making a lease", leased.error());
  co_return Done{};
}

}  // namespace

Flow<Result<Done>> end_lease(const Context& context, SandboxPtr sandbox) {
  if (!sandbox->leased) co_return Done{};
  auto deleting = context.api.delete_lease(lease_name(sandbox->id));
  const auto deleted = co_await deleting;
  if (!deleted && deleted.error().kind != ErrorKind::not_found) {
    co_return failure(deleted.error().kind, "ending the lease of its start: " + deleted.error().message);
  }
  sandbox->leased = false;
  co_return Done{};
}

Flow<Result<Mounts>> make_snapshot(const Context& context, SandboxPtr sandbox, SnapshotWish wish) {
  Making making(context, std::move(sandbox), std::move(wish));
  auto running = making.run();
  co_return co_await running;
}

}  // namespace podsandbox::containerd_runtime
