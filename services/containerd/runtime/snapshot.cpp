#include "services/containerd/runtime/snapshot.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "proto/cri.pb.h"
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

}  // namespace

std::string lease_name(const std::string& id) {
  return "podsandboxd-" + id;
}

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

Flow<Result<Mounts>> make_snapshot(const Context& context, SnapshotWish wish) {
  const auto failed = [](const char* step, const Error& why) {
    return failure(why.kind, std::string(step) + ": " + why.message);
  };
  const std::string lease = lease_name(wish.sandbox.id);
  auto leasing = context.api.create_lease(lease);
  const auto leased = co_await leasing;
  const bool has_lease =
      leased || leased.error().kind == ErrorKind::already_exists;  // of one that was undone
  if (!has_lease) co_return failed("making a lease", leased.error());
  Labels labels = snapshot_labels(wish.sandbox, context.settings.owner);
  auto asking = mapping_labels(context, wish);
  auto mapping = co_await asking;
  if (!mapping) co_return failed("asking what the snapshotter can do", mapping.error());
  labels.merge(*mapping);

  const std::string& id = wish.sandbox.id;
  const std::string parent = wish.image.content->chain_id();
  auto making = context.api.prepare_snapshot(wish.snapshotter, id, parent, labels, lease);
  auto mounts = co_await making;
  if (!mounts && mounts.error().kind == ErrorKind::not_found) {
    auto unpacking = context.images.unpack(wish.image, wish.snapshotter);
    const auto unpacked = co_await unpacking;
    if (!unpacked) co_return failed("unpacking its image", unpacked.error());
    auto making_again = context.api.prepare_snapshot(wish.snapshotter, id, parent, labels, lease);
    mounts = co_await making_again;
  }
  if (!mounts) co_return failed("making its snapshot", mounts.error());
  co_return mounts;
}

}  // namespace podsandbox::containerd_runtime
