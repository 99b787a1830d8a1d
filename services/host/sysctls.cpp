#include "services/host/sysctls.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace podsandbox::host {

namespace {

constexpr std::size_t longest = 253;

struct Known {
  std::string_view path;
  SysctlScope scope;
};

// Linux, sysctl files in Documentation/admin-guide/sysctl and the code that registers them per namespace.
constexpr std::array known{
    Known{"kernel/sem", SysctlScope::ipc},
    Known{"kernel/shmall", SysctlScope::ipc},
    Known{"kernel/shmmax", SysctlScope::ipc},
    Known{"kernel/shmmni", SysctlScope::ipc},
    Known{"kernel/shm_rmid_forced", SysctlScope::ipc},
    Known{"kernel/msgmax", SysctlScope::ipc},
    Known{"kernel/msgmnb", SysctlScope::ipc},
    Known{"kernel/msgmni", SysctlScope::ipc},
    Known{"kernel/domainname", SysctlScope::uts},
};

std::optional<SysctlScope> scope_of(std::string_view path) {
  if (path.starts_with("net/")) return SysctlScope::network;
  if (path.starts_with("fs/mqueue/")) return SysctlScope::ipc;
  const auto* const found =
      std::find_if(known.begin(), known.end(), [path](const Known& one) { return one.path == path; });
  if (found == known.end()) return std::nullopt;
  return found->scope;
}

// The first separator tells which of the two forms it is.
std::string slashes(std::string_view key) {
  std::string path(key);
  const auto first = path.find_first_of("./");
  if (first == std::string::npos || path[first] == '/') return path;
  for (char& c : path) c = c == '.' ? '/' : (c == '/' ? '.' : c);
  return path;
}

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
         c == '.' || c == '/' || c == ':' || c == '@';
}

bool has_odd_part(std::string_view path) {
  while (true) {
    const auto end = path.find('/');
    const auto part = path.substr(0, end);
    if (part.empty() || part == "." || part == "..") return true;
    if (end == std::string_view::npos) return false;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

tl::expected<Sysctl, std::string> find_sysctl(std::string_view key) {
  if (key.empty() || key.size() > longest || !std::all_of(key.begin(), key.end(), is_plain)) {
    return tl::unexpected<std::string>("it is no name of a sysctl");
  }
  std::string path = slashes(key);
  if (has_odd_part(path)) return tl::unexpected<std::string>("it is no name of a sysctl");
  if (path == "kernel/hostname") {
    return tl::unexpected<std::string>("the host name is set by config.hostname");
  }
  const auto scope = scope_of(path);
  if (!scope) return tl::unexpected<std::string>("it does not belong to a pod alone but to the whole host");
  return Sysctl{*scope, std::move(path)};
}

}  // namespace podsandbox::host
