#pragma once

#include "proto/podsandbox.grpc.pb.h"
#include "services/api/unary_call.hpp"

namespace podsandbox::api {

/// podsandbox.v1.Sandboxes: what there is, and what happens.
class Sandboxes final : public v1::Sandboxes::CallbackService {
 public:
  explicit Sandboxes(Backend& backend) : backend_(backend) {}

 private:
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const v1::ListRequest* request,
                                 v1::ListResponse* response) override;
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::Sandbox* response) override;
  grpc::ServerWriteReactor<v1::Event>* Watch(grpc::CallbackServerContext* context,
                                             const v1::WatchRequest* request) override;

  Backend& backend_;
};

}  // namespace podsandbox::api
