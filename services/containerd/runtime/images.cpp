#include "services/containerd/runtime/images.hpp"

#include <utility>

#include "proto/containerd_images.grpc.pb.h"
#include "services/containerd/runtime/ask.hpp"
#include "services/containerd/runtime/digest.hpp"
#include "services/containerd/runtime/image_reference.hpp"
#include "services/containerd/runtime/pull.hpp"
#include "services/containerd/runtime/unpack.hpp"

namespace podsandbox::containerd_runtime {

namespace {

namespace images_api = ::containerd::services::images::v1;
using AsyncImages = images_api::Images::StubInterface::async_interface;
using containerd_client::Connection;
using host::Flow;

/// As many images as a node has handlers, with room for those of past configurations.
constexpr std::size_t most_known = 64;

}  // namespace

Images::Images(host::Loop& loop, Connection& containerd, Platform host, std::chrono::nanoseconds patience)
    : loop_(loop),
      containerd_(containerd),
      host_(std::move(host)),
      patience_(patience),
      reads_(loop),
      pulls_(loop),
      unpacks_(loop) {}

Flow<Result<Image>> Images::get(std::string reference) {
  const auto name = normalised_reference(reference);
  if (!name) {
    co_return failure(ErrorKind::failed_precondition, "the configured sandbox image '" + reference +
                                                          "' is no name of an image: " + name.error());
  }
  auto looking = look_up(*name);
  auto found = co_await looking;
  if (found && !found->content) {
    if (is_sha256_digest(*name)) {
      co_return failure(ErrorKind::failed_precondition,
                        "containerd does not have the image " + *name +
                            ", and cannot pull it by its id: configure its name as the sandbox image");
    }
    auto pulling = shared_pull(*name);
    const auto pulled = co_await pulling;
    if (!pulled) co_return tl::unexpected(pulled.error());
    auto looking_again = look_up(*name);
    found = co_await looking_again;
  }
  if (found && !found->content) {
    co_return failure(ErrorKind::failed_precondition,
                      "the image " + *name +
                          " was pulled, but containerd does not have all of it; remove it "
                          "(`ctr -n k8s.io images rm " +
                          *name + "`), so that it is pulled anew");
  }
  co_return found;
}

Flow<Result<Done>> Images::unpack(Image image, std::string snapshotter) {
  auto unpacking = shared_unpack(image, snapshotter);
  co_return co_await unpacking;
}

/// Without content when it, or a part of it, is not there.
Flow<Result<Image>> Images::look_up(std::string name) {
  images_api::GetImageRequest request;
  request.set_name(name);
  auto asking = ask<images_api::Images>(loop_, containerd_, &AsyncImages::Get, request);
  const auto record = co_await asking;
  if (!record && record.error().kind == ErrorKind::not_found) co_return Image{name, nullptr};
  if (!record) co_return failed("asking containerd for the image " + name, record.error());

  const auto& from = record->image().target();
  const Descriptor target{.media_type = from.media_type(), .digest = from.digest(), .size = from.size()};
  const auto known = known_.find(target.digest);
  if (known != known_.end()) co_return Image{name, known->second};
  auto reading = shared_read(name, target);
  const auto content = co_await reading;
  if (!content) co_return tl::unexpected(content.error());
  co_return Image{name, *content};
}

/// Null when a part of it is not there.
Flow<Result<Images::ContentPtr>> Images::read(std::string name, Descriptor target) {
  auto walk = ImageWalk::begin(name, target, host_);
  if (!walk) co_return tl::unexpected(walk.error());
  while (const auto* const wanted = walk->wanted()) {
    auto reading = read_blob(wanted->digest);
    const auto blob = co_await reading;
    if (!blob && blob.error().kind == ErrorKind::not_found) co_return ContentPtr();
    if (!blob) co_return failed("reading the image " + name + " from containerd", blob.error());
    if (const auto taken = walk->take(*blob); !taken) co_return tl::unexpected(taken.error());
  }
  if (known_.size() >= most_known) known_.clear();
  auto content = std::make_shared<const ImageContent>(walk->content());
  known_.emplace(target.digest, content);
  co_return content;
}

Flow<Result<Done>> Images::pull(std::string name) {
  // It may have been pulled between the moments in which somebody did not find it and in which this begins.
  auto looking = look_up(name);
  const auto found = co_await looking;
  if (!found) co_return tl::unexpected(found.error());
  if (found->content) co_return Done{};
  auto pulling = pull_image(loop_, containerd_, name, host_, patience_);
  co_return co_await pulling;
}

// -- what is awaited in one word -------------------------------------------------
// g++ 12 destroys what a lambda within an awaited expression has captured twice.

host::Answer<Result<Images::ContentPtr>> Images::shared_read(const std::string& name,
                                                             const Descriptor& target) {
  return reads_.join(name + " " + target.digest, [this, name, target] { return read(name, target); });
}

host::Answer<Result<Done>> Images::shared_pull(const std::string& name) {
  return pulls_.join(name, [this, name] { return pull(name); });
}

host::Answer<Result<Done>> Images::shared_unpack(const Image& image, const std::string& snapshotter) {
  // The image, not its chain: others may have the same layers, but each holds its snapshots itself.
  const auto key = snapshotter + " " + image.content->config_digest;
  return unpacks_.join(key, [this, image, snapshotter] {
    return unpack_image(loop_, containerd_, image.name, *image.content, snapshotter, patience_);
  });
}

host::Answer<Result<std::string>> Images::read_blob(const std::string& digest) {
  return {loop_, [this, digest](auto callback) {
            containerd_.read_content(digest, std::size_t{ImageWalk::largest_blob}, std::move(callback));
          }};
}

}  // namespace podsandbox::containerd_runtime
