#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"
#include "proto/containerd_containers.pb.h"
#include "proto/containerd_process.pb.h"
#include "proto/containerd_types.pb.h"
#include "services/containerd/connection.hpp"
#include "services/host/flow.hpp"

namespace podsandbox::containerd_runtime {

using Container = ::containerd::services::containers::v1::Container;
using Task = ::containerd::v1::types::Process;
using Mounts = google::protobuf::RepeatedPtrField<::containerd::types::Mount>;

/// The calls of containerd's API by which a pause container is made, watched and removed, each to be awaited
/// by a flow. Where a container has one task and one snapshot: both have the container's id.
class Api {
 public:
  template <class T>
  using Answer = host::Answer<Result<T>>;

  /// Both must outlive it.
  Api(const host::Loop& loop, containerd_client::Connection& connection)
      : loop_(loop), connection_(connection) {}

  Answer<Container> get_container(const std::string& id) const;
  /// Those with this label and value.
  Answer<std::vector<Container>> list_containers(const std::string& label, const std::string& value) const;
  /// As it was stored.
  Answer<Container> create_container(Container container) const;
  Answer<Done> delete_container(const std::string& id) const;

  /// One that ends by itself, should nobody end it.
  Answer<Done> create_lease(const std::string& id) const;
  Answer<Done> delete_lease(const std::string& id) const;

  /// NOT_FOUND: there is no `parent`.
  Answer<Mounts> prepare_snapshot(const std::string& snapshotter, const std::string& id,
                                  const std::string& parent, const Labels& labels,
                                  const std::string& lease) const;
  /// Its labels.
  Answer<Labels> stat_snapshot(const std::string& snapshotter, const std::string& id) const;
  Answer<Done> remove_snapshot(const std::string& snapshotter, const std::string& id) const;
  /// What a snapshotter of this name can do.
  Answer<std::vector<std::string>> snapshotter_capabilities(const std::string& snapshotter) const;

  /// The pid of its first process, which waits to be started.
  Answer<int> create_task(const std::string& id, const Mounts& rootfs,
                          std::chrono::nanoseconds timeout) const;
  Answer<Done> start_task(const std::string& id, std::chrono::nanoseconds timeout) const;
  Answer<Task> get_task(const std::string& id) const;
  /// All its processes.
  Answer<Done> kill_task(const std::string& id, int signal) const;
  Answer<Done> delete_task(const std::string& id, std::chrono::nanoseconds timeout) const;

 private:
  template <class Service, class Request, class Response, class T>
  Answer<T> ask(containerd_client::Connection::Method<Service, Request, Response> method, Request request,
                std::function<T(Response)> take, containerd_client::CallOptions options = {}) const;

  /// Of a call that changes something.
  template <class Service, class Request, class Response, class T>
  Answer<T> change(containerd_client::Connection::Method<Service, Request, Response> method, Request request,
                   std::function<T(Response)> take, containerd_client::CallOptions options = {}) const;

  const host::Loop& loop_;
  containerd_client::Connection& connection_;
};

}  // namespace podsandbox::containerd_runtime
