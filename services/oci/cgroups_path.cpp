#include "services/oci/cgroups_path.hpp"

#include <algorithm>
#include <sstream>
#include <string_view>

namespace podsandbox::oci {

namespace {

constexpr std::string_view slice_suffix = ".slice";
constexpr std::size_t longest_unit = 255;

tl::unexpected<std::string> wrong(const char* what) {
  return tl::unexpected<std::string>(what);
}

bool may_be_in_unit(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || std::string_view(":-_.\\").find(c) != std::string_view::npos;
}

// A ':' would be taken for the end of the slice's name in what is made of it.
tl::expected<std::string, std::string> in_slice(const std::string& slice, const std::string& id) {
  const auto name = std::string_view(slice).substr(0, slice.size() - slice_suffix.size());
  if (slice.size() > longest_unit) return wrong("the slice's name is longer than 255 bytes");
  if (!std::all_of(name.begin(), name.end(), may_be_in_unit) || name.find(':') != std::string_view::npos) {
    return wrong("the slice's name has a character that cannot be in one");
  }
  const bool empty_part =
      name.empty() || name.front() == '-' || name.back() == '-' || name.find("--") != std::string_view::npos;
  if (name != "-" && empty_part) {
    return wrong("the slice's name has an empty part (its parts stand between single '-')");
  }
  return slice + ":cri-containerd:" + id;
}

}  // namespace

tl::expected<std::string, std::string> cgroups_path(const std::string& cgroup_parent, const std::string& id) {
  if (cgroup_parent.empty()) return "/k8s.io/" + id;  // containerd's namespace for CRI
  if (cgroup_parent.find('\0') != std::string::npos) return wrong("it has a NUL byte");
  std::istringstream parts(cgroup_parent);
  std::string clean;
  std::string last;
  for (std::string part; std::getline(parts, part, '/');) {
    if (part == "..") return wrong("it has a \"..\"");
    if (part.empty() || part == ".") continue;
    clean += part + "/";
    last = part;
  }
  if (last.ends_with(slice_suffix)) return in_slice(last, id);
  // With systemd's driver runc would read "a:b:c" as a slice and two parts of a unit's name.
  if (clean.find(':') != std::string::npos) return wrong("it has a ':'");
  return (cgroup_parent.front() == '/' ? "/" : "") + clean + id;
}

}  // namespace podsandbox::oci
