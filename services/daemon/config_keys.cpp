#include "services/daemon/config_keys.hpp"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <sstream>

#include "messages/sandbox_spec.hpp"
#include "services/daemon/duration.hpp"
#include "services/linux/shims/shim_place.hpp"

namespace podsandbox {

namespace {

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warn", "error"};

tl::unexpected<Error> refused(std::string why) {
  return failure(ErrorKind::invalid_argument, std::move(why));
}

// -- what the values may be ----------------------------------------------------

Result<std::string> parse_name(const std::string& text) {
  if (text.find('\0') != std::string::npos) return refused("must not contain a NUL character");
  return text;
}

Result<std::string> parse_path(const std::string& text) {
  if (text.empty() || text.front() != '/') return refused("must be an absolute path");
  return parse_name(text);
}

// In it are sockets, whose paths must not be too long.
Result<std::string> parse_state_dir(const std::string& text) {
  constexpr auto longest = linux_runtime::longest_state_dir;
  if (text.size() > longest) return refused("must be at most " + std::to_string(longest) + " bytes long");
  return parse_path(text);
}

Result<std::string> parse_socket(const std::string& text) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (text.size() > longest) {
    return refused("must be at most " + std::to_string(longest) + " bytes long, as Unix sockets are");
  }
  return parse_path(text);
}

Result<std::string> parse_socket_or_none(const std::string& text) {
  if (text.empty()) return text;
  return parse_socket(text);
}

Result<unsigned> parse_mode(const std::string& text) {
  unsigned mode = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, mode, 8);
  if (error != std::errc() || rest != end || text.size() > 4 || mode > 0777) {
    return refused("must be octal permissions such as \"0660\", at most \"0777\"");
  }
  return mode;
}

std::string format_mode(unsigned mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 0777U);
  return text.data();
}

Result<log::Level> parse_level(const std::string& text) {
  const auto* const found = std::find(level_names.begin(), level_names.end(), text);
  if (found == level_names.end()) return refused("must be debug, info, warn or error");
  return static_cast<log::Level>(found - level_names.begin());
}

std::string format_level(log::Level level) {
  return std::string(level_names.at(static_cast<std::size_t>(level)));
}

Result<RuntimeKind> parse_runtime(const std::string& text) {
  const auto kind = parse_runtime_kind(text);
  if (!kind) return refused("must be linux or containerd");
  return *kind;
}

std::string format_runtime(RuntimeKind kind) {
  return std::string(to_string(kind));
}

Result<std::string> parse_snapshotter(const std::string& text) {
  if (!is_identifier(text)) return refused("must be a snapshotter's name such as \"overlayfs\"");
  return text;
}

Result<std::string> parse_image(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (text.empty() || !plain)
    return refused("must be an image's name such as \"registry.k8s.io/pause:3.10\"");
  return text;
}

Result<std::string> parse_seccomp_profile(const std::string& text) {
  constexpr std::string_view localhost = "localhost/";
  if (text.empty() || text == "unconfined" || text == "runtime/default") return text;
  if (text.starts_with(localhost) && parse_path(text.substr(localhost.size()))) return text;
  return refused("must be \"\", \"unconfined\", \"runtime/default\" or \"localhost/\" and an absolute path");
}

std::string same(const std::string& text) {
  return text;
}

// -- how keys are made ---------------------------------------------------------

/// The shortest text that reads back as the same number.
std::string shortest(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

/// A string in the file. `field` gives the member of a target, const or not.
template <class Target, class Field, class Parse, class Format>
KeyOf<Target> text_key_of(std::string_view section, std::string_view name, Field field, Parse parse,
                          Format format) {
  return {section, name,
          [=](const toml::node& node, Target& target) -> Result<Done> {
            const auto* text = node.as_string();
            if (text == nullptr) return refused("must be a string");
            return parse(text->get()).map([&](auto value) {
              field(target) = std::move(value);
              return Done{};
            });
          },
          [=](const Target& target) { return quoted(format(field(target))); }};
}

template <class Field, class Parse, class Format>
ConfigKey text_key(std::string_view section, std::string_view name, Field field, Parse parse, Format format) {
  return text_key_of<Config>(section, name, field, parse, format);
}

/// An array of strings.
template <class Target, class Field>
KeyOf<Target> texts_key(std::string_view section, std::string_view name, Field field) {
  return {section, name,
          [=](const toml::node& node, Target& target) -> Result<Done> {
            const auto* array = node.as_array();
            if (array == nullptr) return refused("must be an array of strings");
            std::vector<std::string> texts;
            for (const auto& element : *array) {
              const auto* text = element.as_string();
              if (text == nullptr) return refused("must be an array of strings");
              auto parsed = parse_name(text->get());
              if (!parsed) return tl::unexpected<Error>(parsed.error());
              texts.push_back(std::move(*parsed));
            }
            field(target) = std::move(texts);
            return Done{};
          },
          [=](const Target& target) {
            std::string list;
            for (const auto& text : field(target)) list += (list.empty() ? "" : ", ") + quoted(text);
            return "[" + list + "]";
          }};
}

template <class Field>
ConfigKey duration_key(std::string_view section, std::string_view name, Field field) {
  return text_key(section, name, field, parse_duration, format_duration);
}

template <class Field>
ConfigKey count_key(std::string_view section, std::string_view name, Field field, std::int64_t min,
                    std::int64_t max) {
  return {
      section, name,
      [=](const toml::node& node, Config& config) -> Result<Done> {
        const auto* number = node.as_integer();
        if (number == nullptr || number->get() < min || number->get() > max) {
          return refused("must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
        }
        auto& target = field(config);
        target = static_cast<std::remove_reference_t<decltype(target)>>(number->get());
        return Done{};
      },
      [=](const Config& config) { return std::to_string(field(config)); }};
}

template <class Field>
ConfigKey fraction_key(std::string_view section, std::string_view name, Field field) {
  return {section, name,
          [=](const toml::node& node, Config& config) -> Result<Done> {
            const auto number = node.is_number() ? node.value<double>() : std::nullopt;
            if (!number || !(*number >= 0.0 && *number <= 0.9)) {
              return refused("must be a number from 0 to 0.9");
            }
            field(config) = *number;
            return Done{};
          },
          [=](const Config& config) { return shortest(field(config)); }};
}

template <class Target, class Field>
KeyOf<Target> flag_key(std::string_view section, std::string_view name, Field field) {
  return {section, name,
          [=](const toml::node& node, Target& target) -> Result<Done> {
            const auto* flag = node.as_boolean();
            if (flag == nullptr) return refused("must be true or false");
            field(target) = flag->get();
            return Done{};
          },
          [=](const Target& target) -> std::string { return field(target) ? "true" : "false"; }};
}

/// What may be said of a handler, for all of them in `section` of the configuration or for one of them.
template <class Target, class Handler>
std::vector<KeyOf<Target>> keys_of_handler(std::string_view section, Handler handler) {
  return {
      flag_key<Target>(
          section, "enable_unprivileged_ports",
          [=](auto& t) -> auto& { return handler(t).enable_unprivileged_ports; }),
      flag_key<Target>(
          section,
          "enable_unprivileged_icmp", [=](auto& t) -> auto& { return handler(t).enable_unprivileged_icmp; }),
      flag_key<Target>(
          section,
          "restrict_oom_score_adj", [=](auto& t) -> auto& { return handler(t).restrict_oom_score_adj; }),
      text_key_of<Target>(
          section, "runtime", [=](auto& t) -> auto& { return handler(t).runtime; }, parse_runtime,
          format_runtime),
      text_key_of<Target>(
          section, "snapshotter", [=](auto& t) -> auto& { return handler(t).snapshotter; }, parse_snapshotter,
          same),
      texts_key<Target>(
          section, "pod_annotations", [=](auto& t) -> auto& { return handler(t).pod_annotations; }),
      text_key_of<Target>(
          section,
          "unset_seccomp_profile", [=](auto& t) -> auto& { return handler(t).unset_seccomp_profile; },
          parse_seccomp_profile, same),
  };
}

std::vector<ConfigKey> all_keys();

}  // namespace

std::string quoted(const std::string& text) {
  const toml::value<std::string> value(text);
  std::ostringstream out;
  out << toml::toml_formatter(
      value, toml::toml_formatter::default_flags & ~toml::format_flags::allow_literal_strings);
  return out.str();
}

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = all_keys();
  return keys;
}

const std::vector<HandlerKey>& handler_keys() {
  static const std::vector<HandlerKey> keys = keys_of_handler<HandlerSettings>(
      "", [](auto& handler) -> auto& { return handler; });
  return keys;
}

namespace {

std::vector<ConfigKey> all_keys() {
  std::vector<ConfigKey> keys{
      text_key(
          "", "socket", [](auto& c) -> auto& { return c.socket; }, parse_socket, same),
      text_key(
          "", "socket_mode", [](auto& c) -> auto& { return c.socket_mode; }, parse_mode, format_mode),
      text_key(
          "", "socket_group", [](auto& c) -> auto& { return c.socket_group; }, parse_name, same),
      text_key(
          "", "state_dir", [](auto& c) -> auto& { return c.state_dir; }, parse_state_dir, same),
      text_key(
          "", "data_dir", [](auto& c) -> auto& { return c.data_dir; }, parse_path, same),
      text_key(
          "", "keeper_program", [](auto& c) -> auto& { return c.keeper_program; }, parse_path, same),
      text_key(
          "", "pause_program", [](auto& c) -> auto& { return c.pause_program; }, parse_path, same),
      text_key(
          "", "log_level", [](auto& c) -> auto& { return c.log_level; }, parse_level, format_level),
      duration_key(
          "", "drain_timeout", [](auto& c) -> auto& { return c.drain_timeout; }),
      duration_key(
          "", "start_timeout", [](auto& c) -> auto& { return c.actors.start_timeout; }),
      duration_key(
          "", "cleanup_timeout", [](auto& c) -> auto& { return c.actors.cleanup_timeout; }),
      count_key(
          "", "scheduler_threads", [](auto& c) -> auto& { return c.scheduler_threads; }, 0, 1024),
      duration_key(
          "backoff", "initial", [](auto& c) -> auto& { return c.actors.backoff.initial; }),
      duration_key(
          "backoff", "max", [](auto& c) -> auto& { return c.actors.backoff.max; }),
      fraction_key(
          "backoff", "jitter", [](auto& c) -> auto& { return c.actors.backoff.jitter; }),
      count_key(
          "events", "keep", [](auto& c) -> auto& { return c.actors.events_kept; }, 1, 1'000'000),
      duration_key(
          "events", "max_age", [](auto& c) -> auto& { return c.events_age; }),
      text_key(
          "containerd", "address", [](auto& c) -> auto& { return c.containerd_address; },
          parse_socket_or_none, same),
      count_key(
          "containerd", "max_operations", [](auto& c) -> auto& { return c.containerd_max_operations; }, 1,
          1024),
      duration_key(
          "orphans", "remove_after", [](auto& c) -> auto& { return c.orphans_remove_after; }),
      flag_key<Config>(
          "orphans", "dry_run", [](auto& c) -> auto& { return c.orphans_dry_run; }),
      text_key(
          "cri", "root_dir", [](auto& c) -> auto& { return c.cri.root_dir; }, parse_path, same),
      text_key(
          "cri", "state_dir", [](auto& c) -> auto& { return c.cri.state_dir; }, parse_path, same),
      text_key(
          "cri", "sandbox_image", [](auto& c) -> auto& { return c.cri.sandbox_image; }, parse_image, same),
  };
  for (auto& key : keys_of_handler<Config>(
           "cri", [](auto& c) -> auto& { return c.cri.defaults; })) {
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

}  // namespace podsandbox
