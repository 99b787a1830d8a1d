#include "services/host/cgroup_path.hpp"

#include <sstream>

namespace podsandbox::host {

tl::expected<std::string, std::string> clean_cgroup_path(const std::string& path) {
  if (path.find('\0') != std::string::npos) return tl::unexpected<std::string>("it has a NUL byte");
  std::istringstream parts(path);
  std::string clean;
  for (std::string part; std::getline(parts, part, '/');) {
    if (part == "..") return tl::unexpected<std::string>("it has a \"..\"");
    if (!part.empty() && part != ".") clean += "/" + part;
  }
  return clean;
}

}  // namespace podsandbox::host
