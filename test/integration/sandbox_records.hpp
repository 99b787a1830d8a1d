#pragma once

#include <memory>
#include <string>

#include "proto/containerd_sandbox.grpc.pb.h"

namespace podsandbox::test {

/// What CRI writes down of its pods in containerd, for tests without CRI. A containerd that starts keeps the
/// shim of a pause container that has ended only if there is a record of its pod. Waits for a containerd that
/// is away; a call whose answer was lost is repeated. Thread-safe.
class SandboxRecords {
 public:
  explicit SandboxRecords(const std::string& containerd_socket);

  void write(const std::string& id) const;
  void remove(const std::string& id) const;

 private:
  using Store = ::containerd::services::sandbox::v1::Store;

  template <class Request, class Response>
  void ask(grpc::Status (Store::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
           const Request& request, Response* response, grpc::StatusCode done_before) const;

  const std::unique_ptr<Store::Stub> store_;
};

}  // namespace podsandbox::test
