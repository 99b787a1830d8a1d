#pragma once

#include <string>

namespace runtime::v1 {
class DNSConfig;
}

namespace podsandbox::host {

/// The text of the resolv.conf that the pod asks for.
std::string resolv_conf(const ::runtime::v1::DNSConfig& dns);

}  // namespace podsandbox::host
