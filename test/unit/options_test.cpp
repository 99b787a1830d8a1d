#include "services/daemon/options.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "test/unit/why.hpp"

using namespace podsandbox;

namespace {

tl::expected<Options, ExitNow> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "podsandboxd");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

/// What a program would print, kept out of the test's own output.
struct QuietOutput {
  std::ostringstream text;
  std::streambuf* out = std::cout.rdbuf(text.rdbuf());
  std::streambuf* err = std::cerr.rdbuf(text.rdbuf());
  ~QuietOutput() {
    std::cout.rdbuf(out);
    std::cerr.rdbuf(err);
  }
};

int exit_status(const std::vector<const char*>& arguments) {
  const QuietOutput quiet;
  const auto options = parse(arguments);
  BOOST_TEST_REQUIRE(!options.has_value());
  BOOST_TEST(!quiet.text.str().empty());
  return options.error().status;
}

/// A configuration file for one test.
struct File {
  std::string path = "/tmp/podsandboxd-options-test-" + std::to_string(::getpid());
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::filesystem::remove(path); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_start_would_do_can_be_asked) {
  BOOST_TEST((parse({"--recover=dry-run"})->command == Command::recovery_report));
  BOOST_TEST((parse({})->command == Command::run));
  BOOST_TEST(exit_status({"--recover=now"}) == 2);
}

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(without_arguments_the_daemon_runs) {
  const auto options = parse({});
  BOOST_TEST_REQUIRE(options.has_value());
  BOOST_TEST((options->command == Command::run));
  BOOST_TEST(!options->config_path.has_value());
}

BOOST_AUTO_TEST_CASE(commands_and_flags) {
  auto options = parse({"--config", "/c", "--socket", "/s", "--state-dir", "/d", "--log-level", "debug"});
  BOOST_TEST_REQUIRE(options.has_value());
  BOOST_TEST(options->config_path.value() == "/c");
  BOOST_TEST(options->socket.value() == "/s");
  BOOST_TEST(options->state_dir.value() == "/d");
  BOOST_TEST(options->log_level.value() == "debug");

  options = parse({"config", "check", "/f"});
  BOOST_TEST_REQUIRE(options.has_value());
  BOOST_TEST((options->command == Command::config_check));
  BOOST_TEST(options->config_path.value() == "/f");

  options = parse({"--socket", "/s", "config", "dump"});
  BOOST_TEST_REQUIRE(options.has_value());
  BOOST_TEST((options->command == Command::config_dump));
}

BOOST_AUTO_TEST_CASE(usage_errors_end_the_program_with_2_and_help_with_0) {
  BOOST_TEST(exit_status({"--help"}) == 0);
  BOOST_TEST(exit_status({"--version"}) == 0);
  BOOST_TEST(exit_status({"--nonsense"}) == 2);
  BOOST_TEST(exit_status({"config"}) == 2);
  BOOST_TEST(exit_status({"config", "check", "a", "b"}) == 2);
  BOOST_TEST(exit_status({"--socket"}) == 2);
}

BOOST_AUTO_TEST_CASE(flags_override_the_file) {
  const File file("socket = '/from/file'\nlog_level = 'warn'\n");
  Options options;
  options.config_path = file.path;
  options.socket = "/from/flag";
  const auto config = effective_config(options);
  BOOST_TEST_REQUIRE(config.has_value(), why(config));
  BOOST_TEST(config->socket == "/from/flag");
  BOOST_TEST((config->log_level == log::Level::warn));
  BOOST_TEST(config->state_dir == Config{}.state_dir);
}

BOOST_AUTO_TEST_CASE(a_bad_flag_is_told_by_its_name) {
  const File file("");
  Options options;
  options.config_path = file.path;
  options.state_dir = "relative";
  const auto config = effective_config(options);
  BOOST_TEST(config.error().message == "--state-dir: must be an absolute path");
}

BOOST_AUTO_TEST_CASE(a_file_that_was_asked_for_must_exist) {
  Options options;
  options.config_path = "/nonexistent/podsandboxd.toml";
  BOOST_TEST((effective_config(options).error().kind == ErrorKind::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
