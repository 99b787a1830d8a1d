#pragma once

#include <utility>

#include "services/containerd/connection.hpp"
#include "services/host/flow.hpp"

namespace podsandbox::containerd_runtime {

/// `ask<Images>(loop, containerd, &Images::StubInterface::async_interface::Get, request)`, to be awaited: a
/// call of containerd's API, and its answer. Waits a moment for a containerd that is not there.
template <class Service, class Request, class Response>
host::Answer<Result<Response>> ask(const host::Loop& loop, containerd_client::Connection& containerd,
                                   containerd_client::Connection::Method<Service, Request, Response> method,
                                   const Request& request, const containerd_client::CallOptions& options) {
  auto patient = options;
  patient.waits = true;
  return host::Answer<Result<Response>>(loop, [&containerd, method, request, patient](auto callback) {
    containerd.call<Service>(method, request, std::move(callback), patient);
  });
}

/// The same without options.
template <class Service, class Request, class Response>
host::Answer<Result<Response>> ask(const host::Loop& loop, containerd_client::Connection& containerd,
                                   containerd_client::Connection::Method<Service, Request, Response> method,
                                   const Request& request) {
  return ask<Service>(loop, containerd, method, request, containerd_client::CallOptions());
}

/// An error of one step as that of the whole.
inline tl::unexpected<Error> failed(const std::string& what, const Error& why) {
  return failure(why.kind, what + ": " + why.message);
}

}  // namespace podsandbox::containerd_runtime
