#include "services/containerd/runtime/pull.hpp"

#include <iomanip>
#include <sstream>

#include "messages/log.hpp"
#include "proto/containerd_transfer.grpc.pb.h"
#include "proto/containerd_transfer_types.pb.h"
#include "proto/cri_images.grpc.pb.h"
#include "services/containerd/runtime/ask.hpp"

namespace podsandbox::containerd_runtime {

namespace {

namespace transfer = ::containerd::services::transfer::v1;
namespace types = ::containerd::types;
using containerd_client::CallOptions;
using containerd_client::Connection;
using ::runtime::v1::ImageService;
using Clock = host::Loop::Clock;
using Outcome = Result<Done>;

constexpr const char* component = "image";
/// The usual place for what is configured of each registry; it need not exist.
constexpr const char* registries = "/etc/containerd/certs.d";

/// As containerd wants it: the name alone.
void pack(const google::protobuf::Message& message, google::protobuf::Any& any) {
  any.set_type_url(message.GetDescriptor()->full_name());
  any.set_value(message.SerializeAsString());
}

std::string seconds_since(Clock::time_point begin) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << std::chrono::duration<double>(Clock::now() - begin).count()
       << " s";
  return text.str();
}

host::Flow<Outcome> pull_by_cri(host::Loop& loop, Connection& containerd, std::string name,
                                CallOptions options) {
  ::runtime::v1::PullImageRequest request;
  request.mutable_image()->set_image(name);
  auto pulling = ask<ImageService>(loop, containerd, &ImageService::StubInterface::async_interface::PullImage,
                                   request, options);
  const auto pulled = co_await pulling;
  co_return pulled.map([](const auto&) { return Done{}; });
}

host::Flow<Outcome> pull_by_transfer(host::Loop& loop, Connection& containerd, std::string name,
                                     Platform host, CallOptions options) {
  types::transfer::OCIRegistry registry;
  registry.set_reference(name);
  registry.mutable_resolver()->set_host_dir(registries);
  types::transfer::ImageStore store;
  store.set_name(name);
  auto& platform = *store.add_platforms();
  platform.set_os(host.os);
  platform.set_architecture(host.architecture);
  platform.set_variant(host.variant);
  transfer::TransferRequest request;
  pack(registry, *request.mutable_source());
  pack(store, *request.mutable_destination());
  auto pulling = ask<transfer::Transfer>(
      loop, containerd, &transfer::Transfer::StubInterface::async_interface::Transfer, request, options);
  const auto pulled = co_await pulling;
  co_return pulled.map([](const auto&) { return Done{}; });
}

bool is_served(const Outcome& outcome) {
  return outcome || outcome.error().kind != ErrorKind::unimplemented;
}

}  // namespace

host::Flow<Outcome> pull_image(host::Loop& loop, Connection& containerd, std::string name, Platform host,
                               std::chrono::nanoseconds timeout) {
  const auto begin = Clock::now();
  CallOptions options;
  options.timeout = timeout;
  log::info(component, {}, "containerd does not have the image " + name + ": it is pulled");
  auto pulling = pull_by_cri(loop, containerd, name, options);
  Outcome outcome = co_await pulling;
  if (!is_served(outcome)) {
    auto pulling_otherwise = pull_by_transfer(loop, containerd, name, host, options);
    outcome = co_await pulling_otherwise;
  }
  if (outcome) {
    log::info(component, {}, "the image " + name + " was pulled in " + seconds_since(begin));
    co_return outcome;
  }
  const std::string by_hand =
      "; `ctr -n k8s.io images pull " + name + "` shows whether it can be had, or configure " + "another one";
  auto error = outcome.error();
  error.message = is_served(outcome)
                      ? "pulling the image " + name + ": " + error.message + by_hand
                      : "there is no image " + name + ", and this containerd pulls none" + by_hand;
  // It is no sandbox that was not found, and no call of ours that is not implemented.
  const bool misleads = error.kind == ErrorKind::not_found || error.kind == ErrorKind::unimplemented;
  if (misleads) error.kind = ErrorKind::failed_precondition;
  log::warn(component, {}, "failed after " + seconds_since(begin) + ": " + error.message);
  co_return tl::unexpected(std::move(error));
}

}  // namespace podsandbox::containerd_runtime
