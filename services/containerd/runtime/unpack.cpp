#include "services/containerd/runtime/unpack.hpp"

#include <google/protobuf/util/time_util.h>

#include <random>
#include <utility>

#include "messages/log.hpp"
#include "proto/containerd_content.grpc.pb.h"
#include "proto/containerd_diff.grpc.pb.h"
#include "proto/containerd_leases.grpc.pb.h"
#include "proto/containerd_snapshots.grpc.pb.h"
#include "services/containerd/runtime/ask.hpp"

namespace podsandbox::containerd_runtime {

namespace {

namespace content_api = ::containerd::services::content::v1;
namespace leases = ::containerd::services::leases::v1;
namespace snapshots = ::containerd::services::snapshots::v1;
using AsyncContent = content_api::Content::StubInterface::async_interface;
using ::containerd::services::diff::v1::ApplyRequest;
using ::containerd::services::diff::v1::Diff;
using AsyncLeases = leases::Leases::StubInterface::async_interface;
using AsyncSnapshots = snapshots::Snapshots::StubInterface::async_interface;
using containerd_client::CallOptions;
using containerd_client::Connection;
using content_api::Content;
using host::Flow;
using leases::Leases;
using snapshots::Snapshots;
using Outcome = Result<Done>;

constexpr std::chrono::hours lease_lasts{1};

std::string random_name() {
  std::random_device random;
  return std::to_string(random()) + std::to_string(random());
}

std::string time_from_now(std::chrono::seconds later) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  using google::protobuf::util::TimeUtil;
  return TimeUtil::ToString(TimeUtil::SecondsToTimestamp(now + later.count()));
}

bool is(ErrorKind kind, const auto& result) {
  return !result && result.error().kind == kind;
}

/// One image for one snapshotter. Lives in the frame of `unpack_image`.
class Unpacking {
 public:
  Unpacking(host::Loop& loop, Connection& containerd, std::string snapshotter,
            std::chrono::nanoseconds timeout)
      : loop_(loop), containerd_(containerd), snapshotter_(std::move(snapshotter)) {
    long_.timeout = timeout;
    long_.lease = short_.lease = "podsandboxd-unpack-" + unique_;
  }

  Flow<Outcome> run(const ImageContent& content) {
    auto leasing = lease();
    auto leased = co_await leasing;
    if (!leased) co_return leased;
    auto unpacking = layers(content);
    auto unpacked = co_await unpacking;
    auto ending = end_lease();
    co_await ending;
    co_return unpacked;
  }

 private:
  /// Between the moments in which a snapshot is made and in which the image holds it nothing else does.
  Flow<Outcome> lease() {
    leases::CreateRequest request;
    request.set_id(long_.lease);
    (*request.mutable_labels())["containerd.io/gc.expire"] = time_from_now(lease_lasts);
    auto making = ask<Leases>(loop_, containerd_, &AsyncLeases::Create, request);
    const auto made = co_await making;
    if (!made) co_return failed("making a lease", made.error());
    co_return Done{};
  }

  Flow<void> end_lease() {
    leases::DeleteRequest request;
    request.set_id(long_.lease);
    auto ending = ask<Leases>(loop_, containerd_, &AsyncLeases::Delete, request);
    const auto ended = co_await ending;
    if (ended || is(ErrorKind::not_found, ended)) co_return;
    log::warn(
        "image", {},
        "the lease " + long_.lease + " cannot be removed, and ends in an hour: " + ended.error().message);
  }

  Flow<Outcome> layers(const ImageContent& content) {
    std::string parent;
    for (const auto& layer : content.layers) {
      auto looking = has(layer.chain_id);
      auto there = co_await looking;
      if (!there) co_return failed("looking for the layer " + layer.diff_id, there.error());
      if (!*there) {
        auto unpacking = unpack(layer, parent);
        auto unpacked = co_await unpacking;
        if (!unpacked) co_return failed("the layer " + layer.blob.digest, unpacked.error());
      }
      parent = layer.chain_id;
    }
    if (content.layers.empty()) co_return Done{};
    auto holding = label(content.config_digest, "containerd.io/gc.ref.snapshot." + snapshotter_, parent);
    auto held = co_await holding;
    if (!held) co_return failed("labelling its configuration", held.error());
    co_return Done{};
  }

  Flow<Result<bool>> has(std::string snapshot) {
    snapshots::StatSnapshotRequest request;
    request.set_snapshotter(snapshotter_);
    request.set_key(snapshot);
    auto asking = ask<Snapshots>(loop_, containerd_, &AsyncSnapshots::Stat, request, short_);
    const auto info = co_await asking;
    if (info) co_return true;
    if (is(ErrorKind::not_found, info)) co_return false;
    co_return tl::unexpected(info.error());
  }

  Flow<Outcome> unpack(const Layer& layer, std::string parent) {
    const std::string key = "extract-" + unique_ + " " + layer.chain_id;
    auto making = make(layer, key, parent);
    auto made = co_await making;
    if (!made) {
      auto removing = remove(key);
      co_await removing;
    }
    // What somebody else made meanwhile is the same.
    if (!made && !is(ErrorKind::already_exists, made)) co_return made;
    auto labelling = label(layer.blob.digest, "containerd.io/uncompressed", layer.diff_id);
    co_return co_await labelling;
  }

  /// ALREADY_EXISTS: the snapshot is there.
  Flow<Outcome> make(const Layer& layer, std::string key, std::string parent) {
    snapshots::PrepareSnapshotRequest prepare;
    prepare.set_snapshotter(snapshotter_);
    prepare.set_key(key);
    prepare.set_parent(parent);
    auto preparing = ask<Snapshots>(loop_, containerd_, &AsyncSnapshots::Prepare, prepare, short_);
    const auto prepared = co_await preparing;
    if (!prepared) co_return failed("preparing a snapshot", prepared.error());

    ApplyRequest apply;
    apply.mutable_diff()->set_media_type(layer.blob.media_type);
    apply.mutable_diff()->set_digest(layer.blob.digest);
    apply.mutable_diff()->set_size(layer.blob.size);
    *apply.mutable_mounts() = prepared->mounts();
    auto applying = ask<Diff>(loop_, containerd_, &Diff::StubInterface::async_interface::Apply, apply, long_);
    const auto applied = co_await applying;
    if (!applied) co_return failed("unpacking it", applied.error());
    if (const auto& digest = applied->applied().digest(); digest != layer.diff_id) {
      co_return failure(ErrorKind::failed_precondition,
                        "unpacked it is " + digest + ", but the image's configuration says " + layer.diff_id);
    }

    snapshots::CommitSnapshotRequest commit;
    commit.set_snapshotter(snapshotter_);
    commit.set_name(layer.chain_id);
    commit.set_key(key);
    auto committing = ask<Snapshots>(loop_, containerd_, &AsyncSnapshots::Commit, commit, short_);
    const auto committed = co_await committing;
    if (!committed) co_return failed("committing its snapshot", committed.error());
    co_return Done{};
  }

  /// What stays is garbage when the lease has ended.
  Flow<void> remove(std::string key) {
    snapshots::RemoveSnapshotRequest request;
    request.set_snapshotter(snapshotter_);
    request.set_key(key);
    auto removing = ask<Snapshots>(loop_, containerd_, &AsyncSnapshots::Remove, request, short_);
    co_await removing;
  }

  Flow<Outcome> label(std::string digest, std::string key, std::string value) {
    content_api::UpdateRequest request;
    request.mutable_info()->set_digest(digest);
    (*request.mutable_info()->mutable_labels())[key] = value;
    request.mutable_update_mask()->add_paths("labels." + key);
    auto updating = ask<Content>(loop_, containerd_, &AsyncContent::Update, request, short_);
    const auto updated = co_await updating;
    if (!updated) co_return failed("labelling its blob", updated.error());
    co_return Done{};
  }

  host::Loop& loop_;
  Connection& containerd_;
  const std::string snapshotter_;
  const std::string unique_ = random_name();
  CallOptions short_;
  CallOptions long_;
};

}  // namespace

Flow<Outcome> unpack_image(host::Loop& loop, Connection& containerd, std::string name, ImageContent content,
                           std::string snapshotter, std::chrono::nanoseconds timeout) {
  const std::string what = "unpacking the image " + name + " for the snapshotter " + snapshotter;
  Unpacking unpacking(loop, containerd, snapshotter, timeout);
  auto running = unpacking.run(content);
  auto unpacked = co_await running;
  if (unpacked) {
    log::info("image", {}, "the image " + name + " was unpacked for the snapshotter " + snapshotter);
    co_return unpacked;
  }
  auto error = unpacked.error();
  error.message = what + ": " + error.message;
  if (error.kind == ErrorKind::not_found) {
    // A layer, mostly: CRI can be told to drop them when it has unpacked them for another snapshotter.
    error.kind = ErrorKind::failed_precondition;
    error.message +=
        "; CRI's discard_unpacked_layers must be off when its handlers have several snapshotters, and "
        "`ctr -n k8s.io images pull " +
        name + "` brings back what is missing";
  }
  log::warn("image", {}, error.message);
  co_return tl::unexpected(std::move(error));
}

}  // namespace podsandbox::containerd_runtime
