#include "services/host/slice.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace podsandbox::host {

namespace {

constexpr std::string_view suffix = ".slice";
constexpr std::size_t longest_unit = 255;

std::string last_component(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  if (end == std::string::npos) return "";
  const auto slash = path.find_last_of('/', end);
  const auto begin = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(begin, end + 1 - begin);
}

bool may_be_in_unit(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || std::string_view(":-_.\\").find(c) != std::string_view::npos;
}

// `name` without its suffix.
std::string what_is_wrong_with(std::string_view name) {
  if (name.size() + suffix.size() > longest_unit) return "the slice's name is longer than 255 bytes";
  if (!std::all_of(name.begin(), name.end(), may_be_in_unit)) {
    return "the slice's name has a character that systemd does not allow in one";
  }
  if (name == "-") return "";
  const bool empty_part =
      name.empty() || name.front() == '-' || name.back() == '-' || name.find("--") != std::string_view::npos;
  return empty_part ? "the slice's name has an empty part (its parts stand between single '-')" : "";
}

// Names that could be taken for files of the cgroup file system get a '_' in front from systemd.
std::string escape(const std::string& unit) {
  constexpr auto controllers = std::to_array<std::string_view>(
      {"cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids", "bpf-firewall", "bpf-devices",
       "bpf-foreign", "bpf-socket-bind", "bpf-restrict-network-interfaces"});
  const std::string_view name = std::string_view(unit).substr(0, unit.size() - suffix.size());
  const bool reserved = unit.front() == '_' || unit.front() == '.' || unit.starts_with("cgroup.") ||
                        std::find(controllers.begin(), controllers.end(), name) != controllers.end();
  return reserved ? "_" + unit : unit;
}

}  // namespace

bool is_slice(const std::string& cgroup_parent) {
  return last_component(cgroup_parent).ends_with(suffix);
}

tl::expected<std::string, std::string> slice_unit(const std::string& cgroup_parent) {
  if (cgroup_parent.find('\0') != std::string::npos) return tl::unexpected<std::string>("it has a NUL byte");
  std::string unit = last_component(cgroup_parent);
  if (!unit.ends_with(suffix)) return tl::unexpected<std::string>("it names no slice");
  auto wrong = what_is_wrong_with(std::string_view(unit).substr(0, unit.size() - suffix.size()));
  if (!wrong.empty()) return tl::unexpected(std::move(wrong));
  return unit;
}

tl::expected<std::string, std::string> slice_path(const std::string& cgroup_parent) {
  const auto unit = slice_unit(cgroup_parent);
  if (!unit) return tl::unexpected(unit.error());
  if (*unit == "-.slice") return "/";
  std::string path;
  for (auto dash = unit->find('-'); dash != std::string::npos; dash = unit->find('-', dash + 1)) {
    path += "/" + escape(unit->substr(0, dash).append(suffix));
  }
  return path + "/" + escape(*unit);
}

std::string scope_unit(const std::string& id) {
  return "cri-containerd-" + id + ".scope";
}

}  // namespace podsandbox::host
