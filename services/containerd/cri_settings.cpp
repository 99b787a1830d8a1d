#include "services/containerd/cri_settings.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace podsandbox::containerd_client {

namespace {

using Json = nlohmann::json;

const std::string cri_table = R"(plugins."io.containerd.cri.v1.runtime")";

/// The member, or null when there is none or `object` is something else.
const Json& member(const Json& object, const char* key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto it = object.find(key);
  return it == object.end() ? none : *it;
}

std::string text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// As it is written in a configuration.
std::string written(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The patterns that the value lists, in any order; nothing when it is something else.
std::optional<std::set<std::string>> patterns(const Json& value) {
  std::set<std::string> all;
  if (value.is_null()) return all;
  if (!value.is_array()) return {};
  for (const auto& element : value) {
    if (!element.is_string()) return {};
    all.insert(element.get<std::string>());
  }
  return all;
}

/// One way to name a profile.
std::string plain_profile(const std::string& name) {
  if (name == "docker/default") return "runtime/default";
  return name.empty() ? "unconfined" : name;
}

/// One way to write a path: "/a//b/" is "/a/b".
std::string plain(const std::string& path) {
  auto normal = std::filesystem::path(path).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

bool is_external(const std::string& sandboxer) {
  return !sandboxer.empty() && sandboxer != "podsandbox" && sandboxer != "shim";
}

/// The handlers whose pods are run by a controller outside of containerd.
std::vector<std::string> external_handlers(const Json& config) {
  std::vector<std::string> names;
  const auto& runtimes = member(member(config, "containerd"), "runtimes");
  if (!runtimes.is_object()) return names;
  for (const auto& [name, runtime] : runtimes.items()) {
    if (is_external(text(member(runtime, "sandboxer")))) names.push_back(name);
  }
  return names;
}

class Comparison {
 public:
  explicit Comparison(const Json& config) : config_(config) {}

  /// A directory that CRI derives from containerd's own `root` or `state`.
  void directory(const char* json_key, const char* our_key, const std::string& ours) {
    const auto theirs = text(member(config_, json_key));
    if (ours.empty() || theirs.empty() || plain(ours) == plain(theirs)) return;
    differences.push_back("containerd's CRI keeps pods' files in \"" + theirs + "\", but here cri." +
                          our_key + " is \"" + ours + "\": set cri." + our_key +
                          " to the former, or the pods' files are not found");
  }

  void flag(const char* json_key, const char* toml_key, const std::string& handler, bool ours) {
    const auto& theirs = member(config_, json_key);
    if (theirs.is_boolean() && theirs.get<bool>() != ours) differ(toml_key, handler, theirs, ours, cri_table);
  }

  /// What matters for pause containers alone. What CRI has for its sandbox image it does not say, nor its
  /// snapshotter where no handler names one.
  void pause_container(const std::string& handler, const HandlerSettings& ours) {
    const auto& runtime = member(member(member(config_, "containerd"), "runtimes"), handler.c_str());
    const auto table = cri_table + ".containerd.runtimes." + handler;
    const auto& annotations = member(runtime, "PodAnnotations");
    const auto theirs = patterns(annotations);
    if (theirs && *theirs != std::set(ours.pod_annotations.begin(), ours.pod_annotations.end())) {
      differ("pod_annotations", handler, Json(*theirs), ours.pod_annotations, table);
    }
    const auto snapshotter = text(member(runtime, "snapshotter"));
    if (!snapshotter.empty() && snapshotter != ours.snapshotter) {
      differ("snapshotter", handler, snapshotter, ours.snapshotter, table);
    }
    const auto& profile = member(config_, "unsetSeccompProfile");
    if (profile.is_string() && plain_profile(text(profile)) != plain_profile(ours.unset_seccomp_profile)) {
      differ("unset_seccomp_profile", handler, profile, ours.unset_seccomp_profile, cri_table);
    }
  }

  std::vector<std::string> differences;

 private:
  /// `table` is where it is said in containerd's configuration.
  void differ(const std::string& toml_key, const std::string& handler, const Json& theirs, const Json& ours,
              const std::string& table) {
    differences.push_back(toml_key + " is " + written(theirs) + " in containerd's CRI, but " + written(ours) +
                          " here for runtime handler \"" + handler + "\": set it to " + written(theirs) +
                          " here, or to " + written(ours) + " under [" + table +
                          "] in containerd's configuration");
  }

  const Json& config_;
};

}  // namespace

std::vector<std::string> compare_cri_settings(std::string_view config_text, const CriSettings& ours) {
  const Json config = Json::parse(config_text, nullptr, false);
  if (!config.is_object()) return {"containerd's CRI says of its configuration what cannot be read"};
  const auto handlers = external_handlers(config);
  if (handlers.empty()) return {};
  Comparison comparison(config);
  comparison.directory("rootDir", "root_dir", ours.root_dir);
  comparison.directory("stateDir", "state_dir", ours.state_dir);
  for (const auto& handler : handlers) {
    const auto& settings = ours.of(handler);
    comparison.flag("enableUnprivilegedPorts", "enable_unprivileged_ports", handler,
                    settings.enable_unprivileged_ports);
    comparison.flag("enableUnprivilegedICMP", "enable_unprivileged_icmp", handler,
                    settings.enable_unprivileged_icmp);
    comparison.flag("restrictOOMScoreAdj", "restrict_oom_score_adj", handler,
                    settings.restrict_oom_score_adj);
    if (settings.runtime == RuntimeKind::containerd) comparison.pause_container(handler, settings);
  }
  return comparison.differences;
}

}  // namespace podsandbox::containerd_client
