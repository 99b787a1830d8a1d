#include "services/containerd/records.hpp"

#include <utility>

#include "proto/containerd_containers.grpc.pb.h"
#include "proto/containerd_sandbox.grpc.pb.h"
#include "proto/cri_runtime.grpc.pb.h"

namespace podsandbox::containerd_client {

namespace {

namespace containers = ::containerd::services::containers::v1;
namespace sandbox = ::containerd::services::sandbox::v1;
using containers::Containers;
using ::runtime::v1::RuntimeService;
using AsyncContainers = Containers::StubInterface::async_interface;

}  // namespace

void list_markers(Connection& containerd, Connection::Callback<std::vector<Container>> done) {
  containers::ListContainersRequest request;
  request.add_filters(marker_filter);
  containerd.call<Containers>(&AsyncContainers::List, request,
                              [done = std::move(done)](Result<containers::ListContainersResponse> response) {
                                if (!response) return done(tl::unexpected<Error>(response.error()));
                                std::vector<Container> markers;
                                for (auto& container : *response->mutable_containers()) {
                                  if (is_marker(container)) markers.push_back(std::move(container));
                                }
                                done(std::move(markers));
                              });
}

void get_container(Connection& containerd, const std::string& id, Connection::Callback<Container> done) {
  containers::GetContainerRequest request;
  request.set_id(id);
  containerd.call<Containers>(
      &AsyncContainers::Get, request,
      [done = std::move(done)](Result<containers::GetContainerResponse> response) {
        done(response.map([](auto& answer) { return std::move(*answer.mutable_container()); }));
      });
}

void create_container(Connection& containerd, Container record, Connection::Callback<Done> done) {
  containers::CreateContainerRequest request;
  *request.mutable_container() = std::move(record);
  containerd.call<Containers>(
      &AsyncContainers::Create, std::move(request),
      [done = std::move(done)](const Result<containers::CreateContainerResponse>& response) {
        done(response.map([](const auto&) { return Done{}; }));
      });
}

void remove_container(Connection& containerd, const std::string& id, Connection::Callback<Done> done) {
  containers::DeleteContainerRequest request;
  request.set_id(id);
  containerd.call<Containers>(&AsyncContainers::Delete, request,
                              [done = std::move(done)](const Result<google::protobuf::Empty>& response) {
                                done(response.map([](const auto&) { return Done{}; }));
                              });
}

void list_sandboxes(Connection& containerd, Connection::Callback<std::set<std::string>> done) {
  containerd.call<sandbox::Store>(
      &sandbox::Store::StubInterface::async_interface::List, sandbox::StoreListRequest(),
      [done = std::move(done)](const Result<sandbox::StoreListResponse>& response) {
        if (!response) return done(tl::unexpected<Error>(response.error()));
        std::set<std::string> ids;
        for (const auto& record : response->list()) ids.insert(record.sandbox_id());
        done(std::move(ids));
      });
}

void cri_config(Connection& containerd, Connection::Callback<std::string> done) {
  ::runtime::v1::StatusRequest request;
  request.set_verbose(true);
  containerd.call<RuntimeService>(
      &RuntimeService::StubInterface::async_interface::Status, request,
      [done = std::move(done)](Result<::runtime::v1::StatusResponse> response) {
        done(response.map([](auto& answer) { return (*answer.mutable_info())["config"]; }));
      });
}

}  // namespace podsandbox::containerd_client
