#include "services/host/ttrpc.hpp"

#include <cstdint>

#include "proto/ttrpc.pb.h"

namespace podsandbox::host {

namespace {

constexpr std::uint32_t first_stream = 1;  // a client's are odd
constexpr char type_request = 1;

std::string network_order(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

}  // namespace

std::string ttrpc_request(const std::string& service, const std::string& method, const std::string& payload) {
  ::ttrpc::Request request;
  request.set_service(service);
  request.set_method(method);
  request.set_payload(payload);
  const std::string body = request.SerializeAsString();
  return network_order(static_cast<std::uint32_t>(body.size())) + network_order(first_stream) + type_request +
         '\0' + body;
}

}  // namespace podsandbox::host
