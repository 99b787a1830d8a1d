#include "actors/sandbox/update.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace podsandbox {

namespace {

/// Replaces `key` of `target` by what `source` has, or removes it when `source` has none.
template <class Map>
void replace_key(Map& target, const Map& source, const std::string& key) {
  if (const auto it = source.find(key); it != source.end()) {
    target[key] = it->second;
  } else {
    target.erase(key);
  }
}

/// Applies one field path to a map called `name`; false when the path is not about this map.
template <class Map>
bool apply(std::string_view field, std::string_view name, Map& target, const Map& source) {
  if (field == name) {
    target = source;
    return true;
  }
  if (!field.starts_with(name) || field.size() <= name.size() + 1 || field[name.size()] != '.') return false;
  replace_key(target, source, std::string(field.substr(name.size() + 1)));
  return true;
}

}  // namespace

Result<SpecPtr> updated_spec(const SandboxSpec& spec, const UpdateSandbox& update) {
  auto result = std::make_shared<SandboxSpec>(spec);
  auto fields = update.fields;
  if (fields.empty()) fields = {"labels", "extensions"};
  for (const auto& field : fields) {
    if (apply(field, "labels", result->labels, update.labels)) continue;
    if (apply(field, "extensions", result->extensions, update.extensions)) continue;
    return failure(ErrorKind::invalid_argument, "update sandbox " + spec.id + ": fields: \"" + field +
                                                    "\" cannot be changed, only labels, labels.KEY, "
                                                    "extensions and extensions.KEY");
  }
  // CRI's own description of the pod comes once, with Create: who replaces the extensions does not mean it.
  const auto metadata = spec.extensions.find("metadata");
  if (metadata != spec.extensions.end()) result->extensions.insert(*metadata);
  return SpecPtr(std::move(result));
}

}  // namespace podsandbox
