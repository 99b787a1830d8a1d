#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "messages/error.hpp"
#include "proto/containerd_types.pb.h"
#include "services/containerd/open_calls.hpp"
#include "services/containerd/status.hpp"

namespace podsandbox::containerd_client {

using Envelope = ::containerd::types::Envelope;

/// What one call has beside its request.
struct CallOptions {
  std::string lease{};                  // has what the call makes or finds; empty: none
  std::chrono::nanoseconds timeout{0};  // 0: that of the connection
  bool waits = false;                   // a moment for a containerd that is not there, or not yet again
};

/// A stream of events. When it is destroyed the stream ends, soon: it does not wait for what is told just
/// then. It may outlive its connection.
class Subscription {
 public:
  Subscription(std::shared_ptr<OpenCalls> calls, OpenCalls::Id id) : calls_(std::move(calls)), id_(id) {}
  ~Subscription() { calls_->cancel(id_); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  std::shared_ptr<OpenCalls> calls_;
  OpenCalls::Id id_;
};

/// containerd's API on its unix socket, in the namespace of Kubernetes' pods. No method blocks: each calls
/// back, from any thread, possibly before it returns. Connects when it is first used, and again whenever
/// containerd is there again; meanwhile calls fail with UNAVAILABLE. Thread-safe.
class Connection {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;

  /// A unary method of a service's stub, in its form with a callback.
  template <class Service, class Request, class Response>
  using Method = void (Service::StubInterface::async_interface::*)(grpc::ClientContext*, const Request*,
                                                                   Response*,
                                                                   std::function<void(grpc::Status)>);

  Connection(const std::string& socket, std::chrono::nanoseconds call_timeout);

  /// Ends the calls and streams that have not ended, and waits for their callbacks. Not to be called from
  /// one.
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// call<Images>(&Images::StubInterface::async_interface::Get, request, done): calls back once, after the
  /// timeout at the latest.
  template <class Service, class Request, class Response>
  void call(Method<Service, Request, Response> method, Request request,
            std::type_identity_t<Callback<Response>> done, const CallOptions& options = {});

  /// The content of this digest, in one piece; as it was stored, it is not compared with the digest. More
  /// than `limit` bytes of it are FAILED_PRECONDITION. Calls back once, after the connection's timeout at the
  /// latest.
  void read_content(const std::string& digest, std::size_t limit, Callback<std::string> done);

  /// The events that match any of the filters, in the order in which containerd tells them, one at a time:
  /// the next is read when `on_event` has returned. `on_end` is told once, last, why there are no more: also
  /// when containerd ends them (UNAVAILABLE) and when the subscription is destroyed (CANCELLED). containerd
  /// does not tell from when on it is subscribed, and repeats nothing: look at what there is after this, and
  /// now and then.
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(const std::vector<std::string>& filters,
                                                        std::function<void(Envelope)> on_event,
                                                        std::function<void(Error)> on_end);

 private:
  /// Everything of a call that must live until its callback.
  template <class Service, class Request, class Response>
  struct Exchange {
    grpc::ClientContext context;
    std::unique_ptr<typename Service::Stub> stub;
    Request request;
    Response response;
  };

  static constexpr auto moment = std::chrono::seconds(2);
  /// Connects, if not.
  bool is_connected() const;
  void limit_time(grpc::ClientContext& context, std::chrono::nanoseconds timeout) const;
  static void address(grpc::ClientContext& context, const std::string& lease = {});

  std::shared_ptr<grpc::Channel> channel_;
  const std::chrono::nanoseconds call_timeout_;
  const std::shared_ptr<OpenCalls> calls_;
};

template <class Service, class Request, class Response>
void Connection::call(Method<Service, Request, Response> method, Request request,
                      std::type_identity_t<Callback<Response>> done, const CallOptions& options) {
  auto exchange = std::make_shared<Exchange<Service, Request, Response>>();
  exchange->stub = Service::NewStub(channel_);
  exchange->request = std::move(request);
  address(exchange->context, options.lease);
  const bool away = options.waits && !is_connected();
  exchange->context.set_wait_for_ready(options.waits);
  limit_time(exchange->context, away ? moment : options.timeout);
  const auto id = calls_->add(exchange->context, exchange);
  auto answered = [calls = calls_, id, away, &response = exchange->response,
                   done = std::move(done)](const grpc::Status& status) mutable {
    if (status.ok()) {
      done(std::move(response));
    } else if (away && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      done(failure(ErrorKind::unavailable, "containerd cannot be reached"));
    } else {
      done(tl::unexpected<Error>(to_error(status)));
    }
    done = nullptr;  // what it holds is not used any more when the call has ended
    calls->end(id);
  };
  (exchange->stub->async()->*method)(&exchange->context, &exchange->request, &exchange->response,
                                     std::move(answered));
}

}  // namespace podsandbox::containerd_client
