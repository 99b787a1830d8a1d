#pragma once

#include <string>

namespace runtime::v1 {
class DNSConfig;
}

namespace podsandbox::linux_runtime {

/// The text of the resolv.conf that the pod asks for.
std::string resolv_conf(const ::runtime::v1::DNSConfig& dns);

}  // namespace podsandbox::linux_runtime
