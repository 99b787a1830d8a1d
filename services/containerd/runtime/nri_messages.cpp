#include "services/containerd/runtime/nri_messages.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

namespace podsandbox::containerd_runtime {

namespace {

using nlohmann::json;

tl::unexpected<Error> refused(const std::string& why) {
  return failure(ErrorKind::failed_precondition, why);
}

/// Of an object. Null when it is not there.
json member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

Result<std::string> text_member(const json& object, const char* key) {
  const json value = member(object, key);
  if (value.is_null()) return std::string();
  if (!value.is_string()) return refused(std::string("`") + key + "` is not a string");
  return value.get<std::string>();
}

/// What cannot be text is not worth an error.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<NriPlugin> parse_plugin(const json& entry) {
  if (!entry.is_object()) return refused("a plugin is not an object");
  const auto type = text_member(entry, "type");
  if (!type) return tl::unexpected<Error>(type.error());
  if (type->empty()) return refused("a plugin has no `type`");
  const bool is_path = type->find('/') != std::string::npos;
  if ((is_path && type->front() != '/') || type->find('\0') != std::string::npos) {
    return refused("the `type` " + *type + " is neither a program's name nor its absolute path");
  }
  const auto conf = entry.find("conf");
  return NriPlugin{*type, conf == entry.end() ? std::string() : dump(*conf)};
}

/// The parts of an OCI runtime spec that plugins are told.
Result<json> told_of_spec(const std::string& text) {
  json told = json::object();
  if (text.empty()) return told;
  const json spec = json::parse(text, nullptr, false);
  if (!spec.is_object()) return refused("the sandbox's OCI runtime spec is no JSON object");
  const json annotations = member(spec, "annotations");
  if (!annotations.empty()) told["annotations"] = annotations;
  const json linux_part = member(spec, "linux");
  if (!linux_part.is_object()) return told;
  for (const char* key : {"resources", "cgroupsPath"}) {
    const json part = member(linux_part, key);
    if (!part.is_null()) told[key] = part;
  }
  for (const auto& entry : member(linux_part, "namespaces")) {
    const auto type = entry.is_object() ? text_member(entry, "type") : refused("");
    const auto path = entry.is_object() ? text_member(entry, "path") : refused("");
    if (!type || !path) return refused("a namespace of the sandbox's OCI runtime spec is malformed");
    told["namespaces"][*type] = *path;
  }
  return told;
}

json to_json(const NriResult& result) {
  json object{{"plugin", result.plugin}, {"version", result.version}, {"error", result.error}};
  if (!result.metadata.empty()) object["metadata"] = result.metadata;
  return object;
}

}  // namespace

std::string quoted(const std::string& text) {
  constexpr std::size_t shown = 200;
  return dump(text.substr(0, shown)) + (text.size() > shown ? " and more" : "");
}

std::string name_of(NriState state) {
  return state == NriState::create ? "create" : "delete";
}

Result<NriPlugins> parse_nri_config(const std::string& text) {
  const json config = json::parse(text, nullptr, false);
  if (!config.is_object()) return refused("it is no JSON object");
  const auto version = text_member(config, "version");
  if (!version) return tl::unexpected<Error>(version.error());
  const json entries = member(config, "plugins");
  if (!entries.is_null() && !entries.is_array()) return refused("`plugins` is not an array");
  NriPlugins plugins{*version, {}};
  for (const auto& entry : entries) {
    auto plugin = parse_plugin(entry);
    if (!plugin) return tl::unexpected<Error>(plugin.error());
    plugins.list.push_back(std::move(*plugin));
  }
  return plugins;
}

Result<std::string> nri_request(const std::string& version, const NriPlugin& plugin, NriState state,
                                const NriSandbox& sandbox, const std::vector<NriResult>& results) {
  auto spec = told_of_spec(sandbox.spec);
  if (!spec) return tl::unexpected<Error>(spec.error());
  json request{{"version", version},
               {"state", name_of(state)},
               {"id", sandbox.id},
               {"sandboxID", sandbox.id},
               {"spec", std::move(*spec)}};
  if (!plugin.conf.empty()) request["conf"] = json::parse(plugin.conf, nullptr, false);
  if (sandbox.pid != 0) request["pid"] = sandbox.pid;
  if (state == NriState::create && !sandbox.labels.empty()) request["labels"] = sandbox.labels;
  for (const auto& result : results) request["results"].push_back(to_json(result));
  return dump(request);
}

Result<NriResult> parse_nri_result(const std::string& text) {
  const json answer = json::parse(text, nullptr, false);
  if (!answer.is_object()) {
    return failure(ErrorKind::internal, "its output is no JSON object: " + quoted(text));
  }
  NriResult result;
  for (const auto& [key, where] : {std::pair("plugin", &result.plugin), std::pair("version", &result.version),
                                   std::pair("error", &result.error)}) {
    auto value = text_member(answer, key);
    if (!value) return failure(ErrorKind::internal, "its result is malformed: " + value.error().message);
    *where = std::move(*value);
  }
  const json metadata = member(answer, "metadata");
  for (const auto& [key, value] : metadata.items()) {
    if (!metadata.is_object() || !value.is_string()) {
      return failure(ErrorKind::internal,
                     "its result is malformed: `metadata` does not map strings to strings");
    }
    result.metadata[key] = value.get<std::string>();
  }
  return result;
}

}  // namespace podsandbox::containerd_runtime
