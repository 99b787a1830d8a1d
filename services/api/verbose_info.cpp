#include "services/api/verbose_info.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "proto/cri.pb.h"
#include "proto/runc_options.pb.h"
#include "proto/runtime_options.pb.h"
#include "services/api/go_json.hpp"

namespace podsandbox::api {

namespace {

using nlohmann::json;

constexpr int max_depth = 64;  // of JSON from outside; writing it out again recurses

/// The JSON in these bytes; null when they are none.
json parse_untrusted(const std::string& bytes) {
  const auto limit_depth = [](int depth, json::parse_event_t, json&) {
    if (depth > max_depth) throw std::length_error("too deep");
    return true;
  };
  try {
    return json::parse(bytes, limit_depth);
  } catch (const std::exception&) {
    return nullptr;
  }
}

bool netns_closed(const std::string& path) {
  if (path.empty()) return false;
  struct statfs fs {};
  return statfs(path.c_str(), &fs) != 0 || fs.f_type != NSFS_MAGIC;
}

std::string process_status(const StatusAnswer& answer) {
  if (answer.process) return answer.process->exit ? "stopped" : "running";
  const auto phase = answer.view.phase;
  return phase == Phase::ready || phase == Phase::stopping ? "unknown" : "deleted";
}

template <class Options>
json decoded(const std::string& bytes) {
  Options options;
  return options.ParseFromString(bytes) ? go_json(options) : json(nullptr);
}

json runtime_options(const Payload& options) {
  if (options.type_url == "containerd.runc.v1.Options") {
    return decoded<::containerd::runc::v1::Options>(options.value);
  }
  if (options.type_url == "runtimeoptions.v1.Options") {
    return decoded<::runtimeoptions::v1::Options>(options.value);
  }
  return nullptr;
}

/// CRI's own description of the sandbox if Create brought it, else one made of what we know.
json sandbox_metadata(const SandboxSpec& spec, const json& config) {
  if (const auto it = spec.extensions.find("metadata"); it != spec.extensions.end()) {
    auto metadata = parse_untrusted(it->second.value);
    if (metadata.is_object() && metadata.value("Version", json()) == "v1" && metadata.contains("Metadata")) {
      return metadata;
    }
  }
  return {{"Version", "v1"},
          {"Metadata",
           {{"ID", spec.id},
            {"Name", ""},
            {"Config", config},
            {"NetNSPath", spec.netns_path},
            {"IP", ""},
            {"AdditionalIPs", nullptr},
            {"RuntimeHandler", ""},
            {"CNIResult", nullptr},
            {"ProcessLabel", ""}}}};
}

json cni_result(const json& metadata) {
  const auto& inner = metadata.at("Metadata");
  return inner.is_object() ? inner.value("CNIResult", json(nullptr)) : json(nullptr);
}

}  // namespace

std::string verbose_info(const StatusAnswer& answer) {
  const auto& spec = *answer.view.spec;
  const auto& started = answer.view.started;
  const auto config = go_json(*spec.config);
  const auto metadata = sandbox_metadata(spec, config);
  const bool has_snapshot = started && !started->snapshotter.empty();
  const json info = {
      {"pid", started && !answer.view.exit ? started->pid : 0},
      {"processStatus", process_status(answer)},
      {"netNamespaceClosed", netns_closed(spec.netns_path)},
      {"image", started ? started->image : ""},
      {"snapshotKey", has_snapshot ? spec.id : ""},
      {"snapshotter", started ? started->snapshotter : ""},
      {"runtimeType", spec.runtime_name},
      {"runtimeOptions", runtime_options(spec.runtime_options)},
      {"config", config},
      {"runtimeSpec", started ? parse_untrusted(started->spec.value) : json(nullptr)},
      {"cniResult", cni_result(metadata)},
      {"sandboxMetadata", metadata},
  };
  return info.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace podsandbox::api
