#include "test/integration/sandbox_records.hpp"

#include <chrono>
#include <stdexcept>

#include "test/conformance/containerd_node.hpp"
#include "test/integration/patient_client.hpp"

namespace podsandbox::test {

namespace {

// A containerd that starts deletes a record that has none, and does not start if it makes no sense.
std::string metadata_of(const std::string& id) {
  return R"({"Version":"v1","Metadata":{"ID":")" + id + R"(","Name":")" + id +
         R"(","Config":{"metadata":{"name":")" + id + R"(","uid":")" + id + R"(","namespace":"test"}}}})";
}

}  // namespace

SandboxRecords::SandboxRecords(const std::string& containerd_socket)
    : store_(Store::NewStub(eager_channel(containerd_socket))) {}

template <class Request, class Response>
void SandboxRecords::ask(grpc::Status (Store::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                         const Request& request, Response* response, grpc::StatusCode done_before) const {
  for (;;) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    context.AddMetadata("containerd-namespace", "k8s.io");
    const auto status = (*store_.*method)(&context, request, response);
    if (status.ok() || status.error_code() == done_before) return;
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) {
      throw std::runtime_error("containerd's store of sandboxes: " + status.error_message());
    }
  }
}

void SandboxRecords::write(const std::string& id) const {
  controller::StoreCreateRequest request;
  auto& record = *request.mutable_sandbox();
  record.set_sandbox_id(id);
  record.set_sandboxer("podsandboxd");
  record.mutable_runtime()->set_name(ContainerdNode::runtime_name);
  auto& metadata = (*record.mutable_extensions())["metadata"];
  metadata.set_type_url("github.com/containerd/cri/pkg/store/sandbox/Metadata");
  metadata.set_value(metadata_of(id));
  controller::StoreCreateResponse response;
  ask(&Store::Stub::Create, request, &response, grpc::StatusCode::ALREADY_EXISTS);
}

void SandboxRecords::remove(const std::string& id) const {
  controller::StoreDeleteRequest request;
  request.set_sandbox_id(id);
  controller::StoreDeleteResponse response;
  ask(&Store::Stub::Delete, request, &response, grpc::StatusCode::NOT_FOUND);
}

}  // namespace podsandbox::test
