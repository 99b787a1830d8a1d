#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "actors/settings.hpp"
#include "messages/error.hpp"
#include "messages/handler_settings.hpp"
#include "messages/log.hpp"

namespace podsandbox {

/// What an operator can set. deploy/podsandboxd.toml says what each key means.
struct Config {
  std::string socket = "/run/podsandboxd/podsandboxd.sock";
  unsigned socket_mode = 0600;
  std::string socket_group;  // empty: the daemon's own
  std::string state_dir = "/run/podsandboxd";
  std::string data_dir = "/var/lib/podsandboxd";
  std::string keeper_program = "/usr/libexec/podsandboxd/podsandbox-keeper";
  std::string pause_program = "/usr/libexec/podsandboxd/podsandbox-pause";
  std::string containerd_address = "/run/containerd/containerd.sock";  // empty: there is no containerd
  unsigned containerd_max_operations = 32;  // of the containerd runtime's that are under way at once
  std::chrono::nanoseconds orphans_remove_after = std::chrono::minutes(1);
  bool orphans_dry_run = false;
  CriSettings cri;
  log::Level log_level = log::Level::info;
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds(10);
  unsigned scheduler_threads = 0;                                // 0: one per core
  std::chrono::nanoseconds events_age = std::chrono::hours(24);  // that are kept, at most
  Settings actors;
};

/// Reads a file of TOML; keys that it does not name keep their defaults. The error tells everything that is
/// wrong with it, one line each: "FILE:LINE: KEY: what is wrong". NOT_FOUND when there is no such file.
Result<Config> load_config(const std::string& path);

/// The same for text at hand, which messages call `name`.
Result<Config> parse_config(std::string_view text, const std::string& name);

/// Sets one key whose value is a string. The error says what is wrong with the value.
Result<Done> set_text(Config& config, std::string_view key, const std::string& value);

/// All keys, as TOML that loads to the same configuration.
std::string dump(const Config& config);

}  // namespace podsandbox
