#include "services/host/ttrpc.hpp"

#include "proto/ttrpc.pb.h"

namespace podsandbox::host {

namespace {

constexpr char type_request = 1;

std::string network_order(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

}  // namespace

std::string ttrpc_request(const std::string& service, const std::string& method, const std::string& payload,
                          std::uint32_t stream) {
  ::ttrpc::Request request;
  request.set_service(service);
  request.set_method(method);
  request.set_payload(payload);
  const std::string body = request.SerializeAsString();
  return network_order(static_cast<std::uint32_t>(body.size())) + network_order(stream) + type_request +
         '\0' + body;
}

std::size_t ttrpc_length(const std::string& header) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(header.at(i));
  return length;
}

}  // namespace podsandbox::host
