#include "services/oci/seccomp_file.hpp"

#include <algorithm>
#include <string_view>

namespace podsandbox::oci {

namespace {

using nlohmann::json;

/// Copies the members that are known from one object to another, and keeps what is wrong with the first bad
/// one. A member that is null counts as absent.
class Members {
 public:
  Members(const json& from, std::string where) : from_(from), where_(std::move(where)) {
    if (!from_.is_object()) wrong_ = where_ + " is no object";
  }

  using Fits = bool (*)(const json&);
  Members& take(const char* key, Fits fits, bool required = false) {
    if (const json* const value = find(key, required)) {
      fits(*value) ? void(to_[key] = *value) : complain(key, " is of the wrong type");
    }
    return *this;
  }
  Members& take_list(const char* key, tl::expected<json, std::string> (*read)(const json&, std::string)) {
    const json* const list = find(key, false);
    if (!list) return *this;
    if (!list->is_array()) complain(key, " is no array");
    json all = json::array();
    for (std::size_t i = 0; i < list->size() && wrong_.empty(); ++i) {
      auto one = read((*list)[i], path(key) + "[" + std::to_string(i) + "]");
      one ? all.push_back(std::move(*one)) : void(wrong_ = one.error());
    }
    to_[key] = std::move(all);
    return *this;
  }
  tl::expected<json, std::string> done() {
    if (!wrong_.empty()) return tl::unexpected(std::move(wrong_));
    return std::move(to_);
  }

 private:
  std::string path(const char* key) const { return where_.empty() ? key : where_ + "." + key; }
  void complain(const char* key, const char* what) { wrong_ = path(key) + what; }
  const json* find(const char* key, bool required) {
    if (!wrong_.empty()) return nullptr;
    const auto it = from_.find(key);
    if (it != from_.end() && !it->is_null()) return &*it;
    if (required) complain(key, " is missing");
    return nullptr;
  }

  const json& from_;
  std::string where_;
  json to_ = json::object();
  std::string wrong_;
};

bool is_word(const json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty();
}

bool is_text(const json& value) {
  return value.is_string();
}

bool is_count(const json& value) {
  return value.is_number_unsigned();
}

bool is_small_count(const json& value) {
  return is_count(value) && value <= 0xffffffffU;
}

bool are_words(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), is_word);
}

tl::expected<json, std::string> read_argument(const json& from, std::string where) {
  return Members(from, std::move(where))
      .take("index", is_small_count, true)
      .take("value", is_count, true)
      .take("valueTwo", is_count)
      .take("op", is_word, true)
      .done();
}

tl::expected<json, std::string> read_rule(const json& from, std::string where) {
  return Members(from, std::move(where))
      .take("names", are_words, true)
      .take("action", is_word, true)
      .take("errnoRet", is_small_count)
      .take_list("args", read_argument)
      .done();
}

}  // namespace

tl::expected<json, std::string> read_seccomp(const std::string& text) {
  const auto from = json::parse(text, nullptr, false);
  if (!from.is_object()) return tl::unexpected<std::string>("it is no JSON object");
  return Members(from, "")
      .take("defaultAction", is_word, true)
      .take("defaultErrnoRet", is_small_count)
      .take("architectures", are_words)
      .take("flags", are_words)
      .take("listenerPath", is_text)
      .take("listenerMetadata", is_text)
      .take_list("syscalls", read_rule)
      .done();
}

}  // namespace podsandbox::oci
