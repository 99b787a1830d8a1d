#include "services/containerd/connection.hpp"

#include <grpcpp/create_channel.h>

#include <utility>

#include "proto/containerd_containers.grpc.pb.h"
#include "proto/containerd_sandbox.grpc.pb.h"
#include "proto/cri_runtime.grpc.pb.h"
#include "services/containerd/status.hpp"

namespace podsandbox::containerd_client {

namespace {

namespace containers = ::containerd::services::containers::v1;
namespace sandbox = ::containerd::services::sandbox::v1;
using containers::Containers;
using ::runtime::v1::RuntimeService;
using AsyncContainers = Containers::StubInterface::async_interface;

constexpr const char* kubernetes_namespace = "k8s.io";

/// Trying costs next to nothing, and containerd's restart should not be noticed late.
constexpr int first_reconnect_ms = 100;
constexpr int last_reconnect_ms = 1000;

std::shared_ptr<grpc::Channel> channel_to(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, first_reconnect_ms);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, first_reconnect_ms);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, last_reconnect_ms);
  arguments.SetMaxReceiveMessageSize(-1);  // containerd has its own limit
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

/// Everything of a call that must live until its callback.
template <class Service, class Request, class Response>
struct Exchange {
  grpc::ClientContext context;
  std::unique_ptr<typename Service::Stub> stub;
  Request request;
  Response response;
};

}  // namespace

Connection::Connection(const std::string& socket, std::chrono::nanoseconds call_timeout)
    : channel_(channel_to(socket)), call_timeout_(call_timeout) {}

Connection::~Connection() {
  std::unique_lock lock(mutex_);
  const auto open = open_;
  lock.unlock();  // a cancelled call may call back at once
  for (const auto& [context, call] : open) context->TryCancel();
  lock.lock();
  idle_.wait(lock, [this] { return open_.empty(); });
}

void Connection::end(grpc::ClientContext* context, std::shared_ptr<void> call) {
  const std::lock_guard lock(mutex_);
  open_.erase(context);
  call.reset();
  if (open_.empty()) idle_.notify_all();
}

template <class Service, class Request, class Response>
void Connection::call(Method<Service, Request, Response> method, Request request,
                      std::type_identity_t<Callback<Response>> done) {
  auto exchange = std::make_shared<Exchange<Service, Request, Response>>();
  exchange->stub = Service::NewStub(channel_);
  exchange->request = std::move(request);
  exchange->context.AddMetadata("containerd-namespace", kubernetes_namespace);
  exchange->context.set_deadline(std::chrono::system_clock::now() + call_timeout_);
  {
    const std::lock_guard lock(mutex_);
    open_.emplace(&exchange->context, exchange);
  }
  auto answered = [this, exchange, done = std::move(done)](const grpc::Status& status) mutable {
    if (status.ok()) {
      done(std::move(exchange->response));
    } else {
      done(tl::unexpected<Error>(to_error(status)));
    }
    auto* const context = &exchange->context;
    end(context, std::move(exchange));
  };
  (exchange->stub->async()->*method)(&exchange->context, &exchange->request, &exchange->response,
                                     std::move(answered));
}

void Connection::list_markers(Callback<std::vector<Container>> done) {
  containers::ListContainersRequest request;
  request.add_filters(marker_filter);
  call<Containers>(&AsyncContainers::List, request,
                   [done = std::move(done)](Result<containers::ListContainersResponse> response) {
                     if (!response) return done(tl::unexpected<Error>(response.error()));
                     std::vector<Container> markers;
                     for (auto& container : *response->mutable_containers()) {
                       if (is_marker(container)) markers.push_back(std::move(container));
                     }
                     done(std::move(markers));
                   });
}

void Connection::get(const std::string& id, Callback<Container> done) {
  containers::GetContainerRequest request;
  request.set_id(id);
  call<Containers>(&AsyncContainers::Get, request,
                   [done = std::move(done)](Result<containers::GetContainerResponse> response) {
                     done(response.map([](auto& answer) { return std::move(*answer.mutable_container()); }));
                   });
}

void Connection::create(Container record, Callback<Done> done) {
  containers::CreateContainerRequest request;
  *request.mutable_container() = std::move(record);
  call<Containers>(&AsyncContainers::Create, std::move(request),
                   [done = std::move(done)](const Result<containers::CreateContainerResponse>& response) {
                     done(response.map([](const auto&) { return Done{}; }));
                   });
}

void Connection::remove(const std::string& id, Callback<Done> done) {
  containers::DeleteContainerRequest request;
  request.set_id(id);
  call<Containers>(&AsyncContainers::Delete, request,
                   [done = std::move(done)](const Result<google::protobuf::Empty>& response) {
                     done(response.map([](const auto&) { return Done{}; }));
                   });
}

void Connection::list_sandboxes(Callback<std::set<std::string>> done) {
  call<sandbox::Store>(&sandbox::Store::StubInterface::async_interface::List, sandbox::StoreListRequest(),
                       [done = std::move(done)](const Result<sandbox::StoreListResponse>& response) {
                         if (!response) return done(tl::unexpected<Error>(response.error()));
                         std::set<std::string> ids;
                         for (const auto& record : response->list()) ids.insert(record.sandbox_id());
                         done(std::move(ids));
                       });
}

void Connection::cri_config(Callback<std::string> done) {
  ::runtime::v1::StatusRequest request;
  request.set_verbose(true);
  call<RuntimeService>(&RuntimeService::StubInterface::async_interface::Status, request,
                       [done = std::move(done)](Result<::runtime::v1::StatusResponse> response) {
                         done(response.map([](auto& answer) { return (*answer.mutable_info())["config"]; }));
                       });
}

}  // namespace podsandbox::containerd_client
