#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "messages/error.hpp"
#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/image_platform.hpp"
#include "services/containerd/runtime/image_walk.hpp"
#include "services/containerd/runtime/shared_work.hpp"
#include "services/host/flow.hpp"

namespace podsandbox::containerd_runtime {

/// An image that containerd has.
struct Image {
  std::string name;  ///< that of its record
  std::shared_ptr<const ImageContent> content;
};

/// The images that pause containers are made of: found, pulled if they are not there, unpacked if a
/// snapshotter does not have them. What several ask for at once is done once, and who gives up does not end
/// it for the others. Lives on the loop, and must outlive the flows that use it.
class Images {
 public:
  /// `host` is what images must be for. `patience` is for one pull, or for one layer that is unpacked.
  Images(host::Loop& loop, containerd_client::Connection& containerd, Platform host,
         std::chrono::nanoseconds patience);

  /// The image that somebody calls so ("pause:3.10"). When it is there and known this is one Images.Get.
  host::Flow<Result<Image>> get(std::string reference);

  /// For when Snapshots.Prepare does not find the image's chain id: makes it in `snapshotter`. Then ask
  /// again.
  host::Flow<Result<Done>> unpack(Image image, std::string snapshotter);

 private:
  using ContentPtr = std::shared_ptr<const ImageContent>;

  host::Flow<Result<Image>> look_up(std::string name);
  host::Flow<Result<Done>> pull(std::string name);
  host::Answer<Result<ContentPtr>> shared_read(const std::string& name, const Descriptor& target);
  host::Answer<Result<Done>> shared_pull(const std::string& name);
  host::Answer<Result<Done>> shared_unpack(const Image& image, const std::string& snapshotter);
  host::Answer<Result<std::string>> read_blob(const std::string& digest);
  host::Flow<Result<ContentPtr>> read(std::string name, Descriptor target);

  host::Loop& loop_;
  containerd_client::Connection& containerd_;
  const Platform host_;
  const std::chrono::nanoseconds patience_;
  std::map<std::string, ContentPtr>
      known_;  ///< by what records refer to; a digest never comes to mean another
  SharedWork<Result<ContentPtr>> reads_;
  SharedWork<Result<Done>> pulls_;
  SharedWork<Result<Done>> unpacks_;
};

}  // namespace podsandbox::containerd_runtime
