#include "services/daemon/options.hpp"

#include <CLI/CLI.hpp>
#include <utility>

namespace podsandbox {

namespace {

constexpr int usage_error = 2;

void add_override_flags(CLI::App& app, Options& options) {
  app.add_option("--config", options.config_path,
                 std::string("Configuration file (default ") + default_config_path + ")");
  app.add_option("--socket", options.socket, "Unix socket to serve, instead of the configured one");
  app.add_option("--state-dir", options.state_dir, "Directory for all state, instead of the configured one");
  app.add_option("--log-level", options.log_level, "debug, info, warn or error");
  app.add_option_function<std::string>(
         "--recover", [&](const std::string&) { options.command = Command::recovery_report; },
         "dry-run: print what a start would do about each sandbox, and end")
      ->check(CLI::IsMember({"dry-run"}));
}

void add_config_commands(CLI::App& app, Options& options) {
  CLI::App* config = app.add_subcommand("config", "Look at the configuration");
  config->require_subcommand(1);
  CLI::App* check = config->add_subcommand("check", "Say what is wrong with a configuration file");
  check->add_option("FILE", options.config_path, "The file; the one that would be used when absent");
  check->callback([&] { options.command = Command::config_check; });
  CLI::App* dump = config->add_subcommand("dump", "Print the configuration that would be used, as TOML");
  dump->callback([&] { options.command = Command::config_dump; });
}

Result<Done> override_key(Config& config, const char* key, const char* flag,
                          const std::optional<std::string>& value) {
  if (!value) return Done{};
  return set_text(config, key, *value).map_error([&](Error error) {
    error.message = std::string(flag) + ": " + error.message;
    return error;
  });
}

Result<Config> load_file(const Options& options) {
  auto config = load_config(options.config_path.value_or(default_config_path));
  const bool optional = !options.config_path && options.command != Command::config_check;
  if (!config && config.error().kind == ErrorKind::not_found && optional) return Config{};
  return config;
}

}  // namespace

tl::expected<Options, ExitNow> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app("Owns the pod sandboxes of this node and serves containerd's sandbox controller API.",
               "podsandboxd");
  app.set_version_flag("--version", std::string(PODSANDBOX_VERSION));
  add_override_flags(app, options);
  add_config_commands(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return tl::unexpected<ExitNow>(ExitNow{status == 0 ? 0 : usage_error});
  }
  return options;
}

Result<Config> effective_config(const Options& options) {
  auto config = load_file(options);
  if (!config) return config;
  for (const auto& [key, flag, value] : {std::tuple("socket", "--socket", options.socket),
                                         std::tuple("state_dir", "--state-dir", options.state_dir),
                                         std::tuple("log_level", "--log-level", options.log_level)}) {
    if (auto done = override_key(*config, key, flag, value); !done) {
      return tl::unexpected<Error>(done.error());
    }
  }
  return config;
}

}  // namespace podsandbox
