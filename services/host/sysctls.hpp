#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace podsandbox::host {

/// Which of a sandbox's namespaces a sysctl belongs to.
enum class SysctlScope { network, ipc, uts };

/// A sysctl that concerns one sandbox alone.
struct Sysctl {
  SysctlScope scope;
  std::string path;  ///< below /proc/sys

  bool operator==(const Sysctl&) const = default;
};

/// Where the sysctl `key` is, or what is wrong with it: it comes from a client and becomes a path. Both forms
/// of sysctl(8) are taken, "net.ipv4.conf.eth0/1.forwarding" and "net/ipv4/conf/eth0.1/forwarding". Refused
/// is whatever is not known to belong to a network, IPC or UTS namespace.
tl::expected<Sysctl, std::string> find_sysctl(std::string_view key);

}  // namespace podsandbox::host
