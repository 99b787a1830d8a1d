#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "messages/error.hpp"
#include "services/containerd/marker.hpp"

namespace podsandbox::containerd_client {

/// containerd's API on its unix socket, in the namespace of Kubernetes' pods. No method blocks: each calls
/// back once, from any thread, after the call timeout at the latest. Connects when it is first used,
/// and again whenever containerd is there again; meanwhile calls fail with UNAVAILABLE. Thread-safe.
class Connection {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;

  Connection(const std::string& socket, std::chrono::nanoseconds call_timeout);

  /// Ends the calls that are not answered yet, and waits for their callbacks. Not to be called from one.
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The markers that there are, of whatever daemon.
  void list_markers(Callback<std::vector<Container>> done);
  void get(const std::string& id, Callback<Container> done);
  void create(Container record, Callback<Done> done);
  void remove(const std::string& id, Callback<Done> done);

  /// The ids of all sandboxes that CRI has a record of.
  void list_sandboxes(Callback<std::set<std::string>> done);

  /// What CRI says of its configuration, as JSON. UNIMPLEMENTED when containerd is without CRI.
  void cri_config(Callback<std::string> done);

 private:
  /// A unary method of a service's stub, in its form with a callback.
  template <class Service, class Request, class Response>
  using Method = void (Service::StubInterface::async_interface::*)(grpc::ClientContext*, const Request*,
                                                                   Response*,
                                                                   std::function<void(grpc::Status)>);

  template <class Service, class Request, class Response>
  void call(Method<Service, Request, Response> method, Request request,
            std::type_identity_t<Callback<Response>> done);

  /// The last thing a callback does. `call` refers to the channel: that reference is let go of here, while we
  /// hold ours. gRPC 1.51 ends its callback threads with the last channel, and a thread that ends that one
  /// itself is not waited for, but works on with what is freed.
  void end(grpc::ClientContext* context, std::shared_ptr<void> call);

  std::shared_ptr<grpc::Channel> channel_;
  const std::chrono::nanoseconds call_timeout_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::map<grpc::ClientContext*, std::shared_ptr<void>> open_;  // not answered yet, and what they consist of
};

}  // namespace podsandbox::containerd_client
