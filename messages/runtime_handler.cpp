#include "messages/runtime_handler.hpp"

#include <nlohmann/json.hpp>

namespace podsandbox {

std::string runtime_handler(const SandboxSpec& spec) {
  const auto extension = spec.extensions.find("metadata");
  if (extension == spec.extensions.end()) return {};
  const auto json = nlohmann::json::parse(extension->second.value, nullptr, false);
  const nlohmann::json::json_pointer handler("/Metadata/RuntimeHandler");
  if (!json.is_object() || !json.contains(handler) || !json.at(handler).is_string()) return {};
  return json.at(handler).get<std::string>();
}

}  // namespace podsandbox
