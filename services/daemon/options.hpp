#pragma once

#include <optional>
#include <string>

#include "services/daemon/config.hpp"

namespace podsandbox {

/// Where the configuration is when no flag says otherwise.
inline constexpr const char* default_config_path = "/etc/podsandboxd/podsandboxd.toml";

/// What the daemon was called to do.
enum class Command { run, recovery_report, config_check, config_dump };

/// The daemon's command line. Flags override what the file says.
struct Options {
  Command command = Command::run;
  std::optional<std::string> config_path;
  std::optional<std::string> socket;
  std::optional<std::string> state_dir;
  std::optional<std::string> log_level;
};

/// What to do instead of running: the text was printed already, the program ends with `status`.
struct ExitNow {
  int status = 0;
};

/// Reads the command line. Prints help, version and usage errors itself.
tl::expected<Options, ExitNow> parse_options(int argc, const char* const* argv);

/// The file's configuration with the flags applied. Without --config a file that does not exist is no
/// error (the defaults hold), except for `config check`.
Result<Config> effective_config(const Options& options);

}  // namespace podsandbox
