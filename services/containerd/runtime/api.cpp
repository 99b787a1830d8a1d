#include "services/containerd/runtime/api.hpp"

#include <google/protobuf/util/time_util.h>

#include <ctime>
#include <utility>

#include "messages/failpoint.hpp"
#include "proto/containerd_containers.grpc.pb.h"
#include "proto/containerd_introspection.grpc.pb.h"
#include "proto/containerd_leases.grpc.pb.h"
#include "proto/containerd_snapshots.grpc.pb.h"
#include "proto/containerd_tasks.grpc.pb.h"

namespace podsandbox::containerd_runtime {

namespace {

namespace containers = ::containerd::services::containers::v1;
namespace introspection = ::containerd::services::introspection::v1;
namespace leases = ::containerd::services::leases::v1;
namespace snapshots = ::containerd::services::snapshots::v1;
namespace tasks = ::containerd::services::tasks::v1;
using AsyncContainers = containers::Containers::StubInterface::async_interface;
using AsyncIntrospection = introspection::Introspection::StubInterface::async_interface;
using AsyncLeases = leases::Leases::StubInterface::async_interface;
using AsyncSnapshots = snapshots::Snapshots::StubInterface::async_interface;
using AsyncTasks = tasks::Tasks::StubInterface::async_interface;
using Nothing = google::protobuf::Empty;

constexpr std::int64_t lease_seconds = 24L * 60 * 60;

// As a filter reads it.
std::string quoted(const std::string& text) {
  std::string all = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') all += '\\';
    all += c;
  }
  return all + '"';
}

template <class Response>
Done ignore(const Response& /*response*/) {
  return {};
}

}  // namespace

template <class Service, class Request, class Response, class T>
Api::Answer<T> Api::ask(containerd_client::Connection::Method<Service, Request, Response> method,
                        Request request, std::function<T(Response)> take,
                        containerd_client::CallOptions options) const {
  options.waits = true;
  return Answer<T>(loop_, [&connection = connection_, method, request = std::move(request),
                           take = std::move(take), options = std::move(options)](auto callback) {
    connection.call<Service>(
        method, request,
        [callback = std::move(callback), take](Result<Response> response) {
          callback(std::move(response).map([&](Response&& answer) { return take(std::move(answer)); }));
        },
        options);
  });
}

template <class Service, class Request, class Response, class T>
Api::Answer<T> Api::change(containerd_client::Connection::Method<Service, Request, Response> method,
                           Request request, std::function<T(Response)> take,
                           containerd_client::CallOptions options) const {
  failpoint("change in containerd is asked for");
  return ask<Service, Request, Response, T>(
      method, std::move(request),
      [take = std::move(take)](Response response) {
        failpoint("change in containerd is made");
        return take(std::move(response));
      },
      std::move(options));
}

Api::Answer<Container> Api::get_container(const std::string& id) const {
  containers::GetContainerRequest request;
  request.set_id(id);
  return ask<containers::Containers, containers::GetContainerRequest, containers::GetContainerResponse,
             Container>(&AsyncContainers::Get, std::move(request),
                        [](auto answer) { return std::move(*answer.mutable_container()); });
}

Api::Answer<std::vector<Container>> Api::list_containers(const std::string& label,
                                                         const std::string& value) const {
  containers::ListContainersRequest request;
  request.add_filters("labels.\"" + label + "\"==" + quoted(value));
  return ask<containers::Containers, containers::ListContainersRequest, containers::ListContainersResponse,
             std::vector<Container>>(&AsyncContainers::List, std::move(request), [](auto answer) {
    auto* const all = answer.mutable_containers();
    return std::vector<Container>(std::make_move_iterator(all->begin()), std::make_move_iterator(all->end()));
  });
}

Api::Answer<Container> Api::create_container(Container container) const {
  containers::CreateContainerRequest request;
  *request.mutable_container() = std::move(container);
  return change<containers::Containers, containers::CreateContainerRequest,
                containers::CreateContainerResponse, Container>(
      &AsyncContainers::Create, std::move(request),
      [](auto answer) { return std::move(*answer.mutable_container()); });
}

Api::Answer<Done> Api::delete_container(const std::string& id) const {
  containers::DeleteContainerRequest request;
  request.set_id(id);
  return change<containers::Containers, containers::DeleteContainerRequest, Nothing, Done>(
      &AsyncContainers::Delete, std::move(request), ignore<Nothing>);
}

Api::Answer<Done> Api::create_lease(const std::string& id) const {
  leases::CreateRequest request;
  request.set_id(id);
  const auto end = google::protobuf::util::TimeUtil::SecondsToTimestamp(std::time(nullptr) + lease_seconds);
  (*request.mutable_labels())["containerd.io/gc.expire"] = google::protobuf::util::TimeUtil::ToString(end);
  return change<leases::Leases, leases::CreateRequest, leases::CreateResponse, Done>(
      &AsyncLeases::Create, std::move(request), ignore<leases::CreateResponse>);
}

Api::Answer<Done> Api::delete_lease(const std::string& id) const {
  leases::DeleteRequest request;
  request.set_id(id);
  return change<leases::Leases, leases::DeleteRequest, Nothing, Done>(&AsyncLeases::Delete,
                                                                      std::move(request), ignore<Nothing>);
}

Api::Answer<Mounts> Api::prepare_snapshot(const std::string& snapshotter, const std::string& id,
                                          const std::string& parent, const Labels& labels,
                                          const std::string& lease) const {
  snapshots::PrepareSnapshotRequest request;
  request.set_snapshotter(snapshotter);
  request.set_key(id);
  request.set_parent(parent);
  request.mutable_labels()->insert(labels.begin(), labels.end());
  return change<snapshots::Snapshots, snapshots::PrepareSnapshotRequest, snapshots::PrepareSnapshotResponse,
                Mounts>(&AsyncSnapshots::Prepare, std::move(request),
                        [](auto answer) { return std::move(*answer.mutable_mounts()); }, {lease});
}

Api::Answer<Labels> Api::stat_snapshot(const std::string& snapshotter, const std::string& id) const {
  snapshots::StatSnapshotRequest request;
  request.set_snapshotter(snapshotter);
  request.set_key(id);
  return ask<snapshots::Snapshots, snapshots::StatSnapshotRequest, snapshots::StatSnapshotResponse, Labels>(
      &AsyncSnapshots::Stat, std::move(request), [](auto answer) {
        const auto& labels = answer.info().labels();
        return Labels(labels.begin(), labels.end());
      });
}

Api::Answer<Done> Api::remove_snapshot(const std::string& snapshotter, const std::string& id) const {
  snapshots::RemoveSnapshotRequest request;
  request.set_snapshotter(snapshotter);
  request.set_key(id);
  return change<snapshots::Snapshots, snapshots::RemoveSnapshotRequest, Nothing, Done>(
      &AsyncSnapshots::Remove, std::move(request), ignore<Nothing>);
}

Api::Answer<std::vector<std::string>> Api::snapshotter_capabilities(const std::string& snapshotter) const {
  introspection::PluginsRequest request;
  request.add_filters("type==io.containerd.snapshotter.v1,id==\"" + snapshotter + "\"");
  return ask<introspection::Introspection, introspection::PluginsRequest, introspection::PluginsResponse,
             std::vector<std::string>>(&AsyncIntrospection::Plugins, std::move(request), [](auto answer) {
    std::vector<std::string> all;
    for (const auto& plugin : answer.plugins()) {
      all.insert(all.end(), plugin.capabilities().begin(), plugin.capabilities().end());
    }
    return all;
  });
}

Api::Answer<int> Api::create_task(const std::string& id, const Mounts& rootfs,
                                  std::chrono::nanoseconds timeout) const {
  tasks::CreateTaskRequest request;
  request.set_container_id(id);
  *request.mutable_rootfs() = rootfs;
  return change<tasks::Tasks, tasks::CreateTaskRequest, tasks::CreateTaskResponse, int>(
      &AsyncTasks::Create, std::move(request), [](auto answer) { return static_cast<int>(answer.pid()); },
      {{}, timeout});
}

Api::Answer<Done> Api::start_task(const std::string& id, std::chrono::nanoseconds timeout) const {
  tasks::StartRequest request;
  request.set_container_id(id);
  return change<tasks::Tasks, tasks::StartRequest, tasks::StartResponse, Done>(
      &AsyncTasks::Start, std::move(request), ignore<tasks::StartResponse>, {{}, timeout});
}

Api::Answer<Task> Api::get_task(const std::string& id) const {
  tasks::GetRequest request;
  request.set_container_id(id);
  return ask<tasks::Tasks, tasks::GetRequest, tasks::GetResponse, Task>(
      &AsyncTasks::Get, std::move(request), [](auto answer) { return std::move(*answer.mutable_process()); });
}

Api::Answer<Done> Api::kill_task(const std::string& id, int signal) const {
  tasks::KillRequest request;
  request.set_container_id(id);
  request.set_signal(static_cast<std::uint32_t>(signal));
  request.set_all(true);
  return change<tasks::Tasks, tasks::KillRequest, Nothing, Done>(&AsyncTasks::Kill, std::move(request),
                                                                 ignore<Nothing>);
}

Api::Answer<Done> Api::delete_task(const std::string& id, std::chrono::nanoseconds timeout) const {
  tasks::DeleteTaskRequest request;
  request.set_container_id(id);
  return change<tasks::Tasks, tasks::DeleteTaskRequest, tasks::DeleteResponse, Done>(
      &AsyncTasks::Delete, std::move(request), ignore<tasks::DeleteResponse>, {{}, timeout});
}

}  // namespace podsandbox::containerd_runtime
