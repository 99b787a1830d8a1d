#include "services/host/resolv_conf.hpp"

#include "proto/cri.pb.h"

namespace podsandbox::host {

namespace {

template <class List>
std::string line_of(const char* keyword, const List& entries) {
  if (entries.empty()) return {};
  std::string line = keyword;
  for (const std::string& entry : entries) line += " " + entry;
  return line + "\n";
}

}  // namespace

std::string resolv_conf(const ::runtime::v1::DNSConfig& dns) {
  std::string text = line_of("search", dns.searches());
  for (const std::string& server : dns.servers()) text += "nameserver " + server + "\n";
  return text + line_of("options", dns.options());
}

}  // namespace podsandbox::host
