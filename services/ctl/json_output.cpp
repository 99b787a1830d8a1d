#include "services/ctl/json_output.hpp"

#include <google/protobuf/util/json_util.h>

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace podsandbox::ctl {

namespace {

using containerd::services::sandbox::v1::ControllerStartResponse;
using containerd::services::sandbox::v1::ControllerStatusResponse;
using Json = nlohmann::ordered_json;

/// What the text says when it is JSON, else the text itself.
Json embedded(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

Json info_json(const ControllerStatusResponse& response) {
  Json value = Json::object();
  const std::map<std::string, std::string> sorted(response.info().begin(), response.info().end());
  for (const auto& [key, text] : sorted) value[key] = embedded(text);
  return value;
}

/// `indent` < 0: one line. Strings that are not UTF-8 must not end the program.
std::string text_of(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) throw std::runtime_error("the answer cannot be shown: " + std::string(status.message()));
  return text;
}

std::string to_json(const ControllerStartResponse& response) {
  // protobuf refuses to print an Any whose type it does not know.
  ControllerStartResponse rest = response;
  rest.clear_spec();
  Json value = Json::parse(to_json(static_cast<const google::protobuf::Message&>(rest)));
  if (response.has_spec()) value["spec"] = embedded(response.spec().value());
  return text_of(value);
}

std::string to_json(const ControllerStatusResponse& response) {
  ControllerStatusResponse rest = response;
  rest.clear_extra();
  Json value = Json::parse(to_json(static_cast<const google::protobuf::Message&>(rest)));
  value["info"] = info_json(response);
  return text_of(value);
}

std::string info_text(const ControllerStatusResponse& response) {
  return text_of(info_json(response), 2);
}

}  // namespace podsandbox::ctl
