#include "services/oci/image_config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace podsandbox::oci {

namespace {

using nlohmann::json;

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

/// Reads members of one object; what is null or absent stays empty.
class Reader {
 public:
  explicit Reader(const json& from) : from_(from) {}

  Reader& read(const char* key, std::string& to) {
    if (const json* const value = find(key)) {
      value->is_string() ? void(to = value->get<std::string>()) : complain(key);
      if (has_nul(to)) complain(key);
    }
    return *this;
  }
  Reader& read(const char* key, std::vector<std::string>& to) {
    const json* const value = find(key);
    if (!value) return *this;
    const auto is_text = [](const json& one) {
      return one.is_string() && !has_nul(one.get_ref<const std::string&>());
    };
    const bool fine = value->is_array() && std::all_of(value->begin(), value->end(), is_text);
    fine ? void(to = value->get<std::vector<std::string>>()) : complain(key);
    return *this;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const json* find(const char* key) const {
    const auto it = from_.find(key);
    return it == from_.end() || it->is_null() ? nullptr : &*it;
  }
  void complain(const char* key) { wrong_ = std::string("config.") + key + " is not what it has to be"; }

  const json& from_;
  std::string wrong_;
};

}  // namespace

tl::expected<ImageConfig, std::string> read_image_config(const std::string& text) {
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_object()) return tl::unexpected<std::string>("it is no JSON object");
  const auto part = all.find("config");
  if (part == all.end() || part->is_null()) return ImageConfig{};
  if (!part->is_object()) return tl::unexpected<std::string>("config is no object");
  ImageConfig config;
  Reader reader(*part);
  reader.read("Entrypoint", config.entrypoint).read("Cmd", config.cmd).read("Env", config.env);
  reader.read("WorkingDir", config.working_dir).read("User", config.user);
  if (!reader.wrong().empty()) return tl::unexpected(reader.wrong());
  return config;
}

}  // namespace podsandbox::oci
