#include "services/daemon/config.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "services/daemon/config_keys.hpp"

namespace podsandbox {

namespace {

template <class Target>
const KeyOf<Target>* find_key(const std::vector<KeyOf<Target>>& keys, std::string_view section,
                              std::string_view name) {
  for (const auto& key : keys) {
    if (key.section == section && key.name == name) return &key;
  }
  return nullptr;
}

bool is_section(std::string_view name) {
  return std::any_of(config_keys().begin(), config_keys().end(),
                     [&](const ConfigKey& key) { return !name.empty() && key.section == name; });
}

/// Goes through a file and gathers everything that is wrong with it.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Result<Config> read(const toml::table& root) {
    read_section("", root);
    if (const auto* handlers = root.get("handlers")) read_handlers(*handlers);
    check_backoff(root);
    check_containerd(root);
    if (problems_.empty()) return config_;
    // A table gives its keys by name; people read a file by line.
    std::stable_sort(problems_.begin(), problems_.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    std::string message;
    for (const Problem& problem : problems_) message += (message.empty() ? "" : "\n") + problem.text;
    return failure(ErrorKind::invalid_argument, message);
  }

 private:
  struct Problem {
    toml::source_index line;
    std::string text;
  };

  void read_section(std::string_view section, const toml::table& table) {
    for (const auto& [name, node] : table) {
      if (const ConfigKey* key = find_key(config_keys(), section, name.str())) {
        if (auto done = key->read(node, config_); !done) report(node, key->full_name(), done.error().message);
      } else if (section.empty() && name.str() == "handlers") {
        continue;  // they start from what the rest says
      } else if (section.empty() && is_section(name.str())) {
        if (node.is_table()) {
          read_section(name.str(), *node.as_table());
        } else {
          report(node, name.str(), "must be a table");
        }
      } else {
        const std::string prefix = section.empty() ? "" : std::string(section) + ".";
        report(node, prefix + std::string(name.str()), "unknown key");
      }
    }
  }

  void read_handlers(const toml::node& node) {
    if (!node.is_table()) return report(node, "handlers", "must be a table");
    for (const auto& [name, handler] : *node.as_table()) {
      const std::string path = "handlers." + std::string(name.str());
      if (!handler.is_table()) {
        report(handler, path, "must be a table");
        continue;
      }
      HandlerSettings settings = config_.cri.defaults;
      for (const auto& [key_name, value] : *handler.as_table()) {
        const HandlerKey* key = find_key(handler_keys(), "", key_name.str());
        const auto full_name = path + "." + std::string(key_name.str());
        if (key == nullptr) {
          report(value, full_name, "unknown key");
        } else if (auto done = key->read(value, settings); !done) {
          report(value, full_name, done.error().message);
        }
      }
      config_.cri.handlers.insert_or_assign(std::string(name.str()), settings);
    }
  }

  void check_backoff(const toml::table& root) {
    const BackoffSchedule& backoff = config_.actors.backoff;
    if (backoff.initial <= backoff.max) return;
    report(*root.get("backoff"), "backoff", "initial must not be longer than max");
  }

  /// Who gives pods to the containerd runtime needs a containerd.
  void check_containerd(const toml::table& root) {
    if (!config_.containerd_address.empty()) return;
    const auto check = [&](const HandlerSettings& settings, const toml::node_view<const toml::node> said,
                           const std::string& key) {
      if (settings.runtime != RuntimeKind::containerd || !said) return;
      report(*said.node(), key, "\"containerd\" needs a containerd, but containerd.address is \"\"");
    };
    check(config_.cri.defaults, root["cri"]["runtime"], "cri.runtime");
    for (const auto& [name, settings] : config_.cri.handlers) {
      check(settings, root["handlers"][name]["runtime"], "handlers." + name + ".runtime");
    }
  }

  void report(const toml::node& node, std::string_view key, std::string_view what) {
    const toml::source_index line = node.source().begin.line;
    std::ostringstream text;
    text << file_ << ':' << line << ": " << key << ": " << what;
    problems_.push_back({line, text.str()});
  }

  std::string file_;
  Config config_;
  std::vector<Problem> problems_;
};

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& name) {
  try {
    return Reader(name).read(toml::parse(text, name));
  } catch (const toml::parse_error& error) {
    std::ostringstream message;
    message << name << ':' << error.source().begin.line << ": " << error.description();
    return failure(ErrorKind::invalid_argument, message.str());
  }
}

Result<Config> load_config(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (file.bad() || !file.is_open()) {
    const int cause = errno;
    return failure(cause == ENOENT ? ErrorKind::not_found : ErrorKind::invalid_argument,
                   path + ": cannot be read: " + std::generic_category().message(cause));
  }
  return parse_config(text.str(), path);
}

Result<Done> set_text(Config& config, std::string_view key, const std::string& value) {
  const ConfigKey* found = find_key(config_keys(), "", key);
  if (found == nullptr) return failure(ErrorKind::invalid_argument, "unknown key");
  return found->read(toml::value(value), config);
}

std::string dump(const Config& config) {
  std::string text;
  std::string_view section;
  for (const ConfigKey& key : config_keys()) {
    if (key.section != section) {
      section = key.section;
      text += "\n[" + std::string(section) + "]\n";
    }
    text += std::string(key.name) + " = " + key.write(config) + "\n";
  }
  for (const auto& [name, settings] : config.cri.handlers) {
    text += "\n[handlers." + quoted(name) + "]\n";
    for (const HandlerKey& key : handler_keys()) {
      text += std::string(key.name) + " = " + key.write(settings) + "\n";
    }
  }
  return text;
}

}  // namespace podsandbox
