#include "services/api/go_json.hpp"

#include <absl/strings/escaping.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace podsandbox::api {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using nlohmann::json;

json text(const FieldDescriptor& field, const std::string& value) {
  return field.type() == FieldDescriptor::TYPE_BYTES ? json(absl::Base64Escape(value)) : json(value);
}

json scalar(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetEnumValue(message, &field);
    case FieldDescriptor::CPPTYPE_STRING:
      return text(field, reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return go_json(reflection.GetMessage(message, &field));
  }
  return nullptr;
}

json element(const Message& message, const Reflection& reflection, const FieldDescriptor& field, int index) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.GetRepeatedInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetRepeatedUInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.GetRepeatedUInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.GetRepeatedDouble(message, &field, index);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.GetRepeatedFloat(message, &field, index);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetRepeatedBool(message, &field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetRepeatedEnumValue(message, &field, index);
    case FieldDescriptor::CPPTYPE_STRING:
      return text(field, reflection.GetRepeatedString(message, &field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return go_json(reflection.GetRepeatedMessage(message, &field, index));
  }
  return nullptr;
}

std::string map_key(const json& key) {
  return key.is_string() ? key.get<std::string>() : key.dump();
}

json map_entries(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  json result = json::object();
  const auto* key = field.message_type()->map_key();
  const auto* value = field.message_type()->map_value();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const auto& entry = reflection.GetRepeatedMessage(message, &field, i);
    const auto& entry_reflection = *entry.GetReflection();
    result[map_key(scalar(entry, entry_reflection, *key))] = scalar(entry, entry_reflection, *value);
  }
  return result;
}

json repeated(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  json result = json::array();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    result.push_back(element(message, reflection, field, i));
  }
  return result;
}

}  // namespace

json go_json(const Message& message) {
  json result = json::object();
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> present;  // what has its zero value is not among them
  reflection.ListFields(message, &present);
  for (const auto* field : present) {
    if (field->is_map()) {
      result[field->name()] = map_entries(message, reflection, *field);
    } else if (field->is_repeated()) {
      result[field->name()] = repeated(message, reflection, *field);
    } else {
      result[field->name()] = scalar(message, reflection, *field);
    }
  }
  return result;
}

}  // namespace podsandbox::api
