#include "services/daemon/config.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "services/daemon/config_keys.hpp"
#include "services/daemon/duration.hpp"
#include "test/unit/why.hpp"

using namespace podsandbox;
using namespace std::chrono_literals;

namespace {

const std::string documented = PODSANDBOX_DEPLOY "/podsandboxd.toml";

Config good(const std::string& text) {
  auto config = parse_config(text, "f.toml");
  BOOST_TEST_REQUIRE(config.has_value(), why(config));
  return *config;
}

std::string bad(const std::string& text) {
  auto config = parse_config(text, "f.toml");
  BOOST_TEST_REQUIRE(!config.has_value(), "accepted: " << text);
  BOOST_TEST((config.error().kind == ErrorKind::invalid_argument));
  return config.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(an_empty_file_means_the_defaults) {
  BOOST_TEST(dump(good("")) == dump(Config{}));
}

BOOST_AUTO_TEST_CASE(the_documented_file_holds_every_key_with_its_default) {
  auto config = load_config(documented);
  BOOST_TEST_REQUIRE(config.has_value(), why(config));
  BOOST_TEST(dump(*config) == dump(Config{}));

  std::ifstream file(documented);
  const toml::table table = toml::parse(file);
  for (const ConfigKey& key : config_keys()) {
    BOOST_TEST(!!table.at_path(key.full_name()), key.full_name() << " is not documented");
  }
}

BOOST_AUTO_TEST_CASE(every_key_is_read) {
  const Config config = good(R"(
socket = "/a/b.sock"
socket_mode = "0660"
socket_group = "kube"
state_dir = "/var/lib/x"
data_dir = "/var/lib/y"
keeper_program = "/k"
pause_program = "/p"
log_level = "debug"
drain_timeout = "1500ms"
start_timeout = "2m"
cleanup_timeout = "3s"
scheduler_threads = 7
[backoff]
initial = "10ms"
max = "1h"
jitter = 0
[events]
keep = 1
max_age = "2h"
[containerd]
address = "/c.sock"
max_operations = 5
[orphans]
remove_after = "5s"
dry_run = true
[cri]
root_dir = "/cr"
state_dir = "/cs"
enable_unprivileged_ports = false
enable_unprivileged_icmp = false
restrict_oom_score_adj = true
runtime = "containerd"
sandbox_image = "example.org/pause:1"
snapshotter = "zfs"
pod_annotations = ["a.example/*", "b"]
unset_seccomp_profile = "runtime/default"
[handlers.fast]
restrict_oom_score_adj = false
runtime = "linux"
snapshotter = "native"
pod_annotations = []
unset_seccomp_profile = "localhost//etc/profile.json"
[handlers.usual]
)");
  BOOST_TEST(config.socket == "/a/b.sock");
  BOOST_TEST(config.socket_mode == 0660U);
  BOOST_TEST(config.socket_group == "kube");
  BOOST_TEST(config.state_dir == "/var/lib/x");
  BOOST_TEST(config.data_dir == "/var/lib/y");
  BOOST_TEST(config.keeper_program == "/k");
  BOOST_TEST(config.pause_program == "/p");
  BOOST_TEST((config.log_level == log::Level::debug));
  BOOST_TEST((config.drain_timeout == 1500ms));
  BOOST_TEST((config.actors.start_timeout == 2min));
  BOOST_TEST((config.actors.cleanup_timeout == 3s));
  BOOST_TEST(config.scheduler_threads == 7U);
  BOOST_TEST((config.actors.backoff.initial == 10ms));
  BOOST_TEST((config.actors.backoff.max == 1h));
  BOOST_TEST(config.actors.backoff.jitter == 0.0);
  BOOST_TEST(config.actors.events_kept == 1U);
  BOOST_TEST((config.events_age == 2h));
  BOOST_TEST(config.containerd_address == "/c.sock");
  BOOST_TEST((config.orphans_remove_after == 5s));
  BOOST_TEST(config.orphans_dry_run);
  BOOST_TEST(config.cri.root_dir == "/cr");
  BOOST_TEST(config.cri.state_dir == "/cs");
  BOOST_TEST(config.containerd_max_operations == 5U);
  BOOST_TEST(config.cri.sandbox_image == "example.org/pause:1");
  const HandlerSettings usual{
      false, false, true, RuntimeKind::containerd, "zfs", {"a.example/*", "b"}, "runtime/default"};
  const HandlerSettings fast{
      false, false, false, RuntimeKind::linux, "native", {}, "localhost//etc/profile.json"};
  BOOST_TEST((config.cri.defaults == usual));
  BOOST_TEST((config.cri.of("fast") == fast));
  BOOST_TEST((config.cri.of("usual") == usual));
  BOOST_TEST((config.cri.of("other") == usual));
}

BOOST_AUTO_TEST_CASE(a_daemon_may_be_without_containerd) {
  BOOST_TEST(good("[containerd]\naddress = ''").containerd_address == "");
  BOOST_TEST(good("").containerd_address == "/run/containerd/containerd.sock");
}

BOOST_AUTO_TEST_CASE(the_containerd_runtime_needs_a_containerd) {
  const std::string none = "[containerd]\naddress = ''\n";
  const std::string why = "\"containerd\" needs a containerd, but containerd.address is \"\"";
  BOOST_TEST(bad(none + "[cri]\nruntime = 'containerd'") == "f.toml:4: cri.runtime: " + why);
  // Named where it is said, not for those that have it from there.
  BOOST_TEST(bad(none + "[cri]\nruntime = 'containerd'\n[handlers.a]\n[handlers.b]\nruntime = 'linux'") ==
             "f.toml:4: cri.runtime: " + why);
  BOOST_TEST(bad("[handlers.'a.b']\nruntime = 'containerd'\n" + none) ==
             "f.toml:2: handlers.a.b.runtime: " + why);
  good(none + "[cri]\nruntime = 'linux'");
  const auto config = good("[handlers.a]\nruntime = 'containerd'");
  BOOST_TEST(config.cri.uses(RuntimeKind::containerd));
  BOOST_TEST(config.cri.uses(RuntimeKind::linux));
  BOOST_TEST(!good("").cri.uses(RuntimeKind::containerd));
  BOOST_TEST(!good("[cri]\nruntime = 'containerd'").cri.uses(RuntimeKind::linux));
}

BOOST_AUTO_TEST_CASE(a_dump_loads_to_the_same) {
  Config config;
  config.socket = "/tmp/a \"quoted\" \\ 'name'\t\n.sock";
  config.socket_mode = 0;
  config.log_level = log::Level::error;
  config.drain_timeout = 61s;
  config.scheduler_threads = 3;
  config.actors.backoff.jitter = 0.35;
  config.actors.events_kept = 9;
  config.containerd_address = "";
  config.cri.defaults.pod_annotations = {"a \"quoted\"", "b, c]"};
  config.cri.defaults.restrict_oom_score_adj = true;
  config.cri.handlers["a.\"b\""].enable_unprivileged_ports = false;
  const Config again = good(dump(config));
  BOOST_TEST(dump(again) == dump(config));
  BOOST_TEST(again.socket == config.socket);
  BOOST_TEST((again.drain_timeout == 61s));
  BOOST_TEST(again.actors.backoff.jitter == 0.35);
  BOOST_TEST((again.cri.defaults == config.cri.defaults));
  BOOST_TEST((again.cri.handlers == config.cri.handlers));
}

BOOST_AUTO_TEST_CASE(all_errors_are_told_at_once_by_file_line_and_key) {
  BOOST_TEST(bad("socket = 3\n"
                 "sockets = \"/x\"\n"
                 "log_level = \"loud\"\n"
                 "[backoff]\n"
                 "max = \"0s\"\n"
                 "factor = 2\n"
                 "[nonsense]\n") ==
             "f.toml:1: socket: must be a string\n"
             "f.toml:2: sockets: unknown key\n"
             "f.toml:3: log_level: must be debug, info, warn or error\n"
             "f.toml:5: backoff.max: must be a whole number and a unit (ms, s, m or h), from \"1ms\" to "
             "\"24h\"\n"
             "f.toml:6: backoff.factor: unknown key\n"
             "f.toml:7: nonsense: unknown key");
}

// So that sockets in it have paths that a socket can have.
BOOST_AUTO_TEST_CASE(the_state_directory_has_a_short_path) {
  const std::string longest = "/" + std::string(78, 'x');
  BOOST_TEST(good("state_dir = '" + longest + "'").state_dir == longest);
  BOOST_TEST(bad("state_dir = '" + longest + "x'") == "f.toml:1: state_dir: must be at most 79 bytes long");
}

BOOST_AUTO_TEST_CASE(bad_values_are_refused) {
  for (const std::string line : {"socket = 'relative.sock'",
                                 "socket = ''",
                                 "socket = \"/a\\u0000b\"",
                                 "state_dir = 'x'",
                                 "state_dir = ['/x']",
                                 "keeper_program = 'keeper'",
                                 "pause_program = true",
                                 "containerd.address = 'relative.sock'",
                                 "socket_mode = 0o660",
                                 "socket_mode = '0999'",
                                 "socket_mode = '01777'",
                                 "socket_mode = ''",
                                 "socket_mode = '-1'",
                                 "socket_mode = '600 '",
                                 "socket_group = 5",
                                 "log_level = 'INFO'",
                                 "log_level = ''",
                                 "drain_timeout = 10",
                                 "drain_timeout = '10'",
                                 "drain_timeout = '-1s'",
                                 "drain_timeout = '1.5s'",
                                 "start_timeout = '25h'",
                                 "cleanup_timeout = '99999999999999999999s'",
                                 "start_timeout = 's'",
                                 "start_timeout = '1 s'",
                                 "scheduler_threads = -1",
                                 "scheduler_threads = 1025",
                                 "scheduler_threads = 1.5",
                                 "backoff = 1",
                                 "backoff.jitter = 1",
                                 "backoff.jitter = -0.1",
                                 "backoff.jitter = nan",
                                 "backoff.jitter = inf",
                                 "backoff.jitter = '0.2'",
                                 "backoff.initial = '6m'",
                                 "backoff.max = '500ms'",
                                 "events.keep = 0",
                                 "events.keep = 1000001",
                                 "events = [1]",
                                 "backoff = {x = 1}",
                                 "'backoff.max' = '1m'",
                                 "containerd.address = 'c.sock'",
                                 "orphans.remove_after = '0s'",
                                 "orphans.dry_run = 1",
                                 "cri.root_dir = ''",
                                 "cri.restrict_oom_score_adj = 1",
                                 "containerd.max_operations = 0",
                                 "containerd.max_operations = 1025",
                                 "cri.runtime = 'Linux'",
                                 "cri.runtime = ''",
                                 "cri.runtime = 1",
                                 "cri.sandbox_image = ''",
                                 "cri.sandbox_image = 'a b'",
                                 "cri.snapshotter = ''",
                                 "cri.snapshotter = '../x'",
                                 "cri.pod_annotations = 'a'",
                                 "cri.pod_annotations = ['a', 1]",
                                 "cri.pod_annotations = [\"a\\u0000\"]",
                                 "cri.unset_seccomp_profile = 'localhost/relative'",
                                 "cri.unset_seccomp_profile = 'other'",
                                 "handlers.x.runtime = 'runc'",
                                 "handlers.x.sandbox_image = 'a'",
                                 "handlers = 1",
                                 "handlers.x = 1",
                                 "handlers.x.y = 1",
                                 "handlers.x.restrict_oom_score_adj = 'yes'",
                                 "[socket]"}) {
    BOOST_TEST(bad(line).rfind("f.toml:1: ", 0) == 0U, line << " -> " << bad(line));
  }
}

BOOST_AUTO_TEST_CASE(a_socket_path_is_as_long_as_the_kernel_takes) {
  const std::string fits = "/" + std::string(106, 's');
  BOOST_TEST(good("socket = '" + fits + "'").socket == fits);
  BOOST_TEST(bad("socket = '" + fits + "s'") ==
             "f.toml:1: socket: must be at most 107 bytes long, as Unix sockets are");
}

BOOST_AUTO_TEST_CASE(broken_toml_is_told_with_its_line) {
  BOOST_TEST(bad("socket = '/a'\nsocket_mode =\n").rfind("f.toml:2: ", 0) == 0U);
  BOOST_TEST(bad("socket = '/a'\nsocket = '/b'\n").rfind("f.toml:2: ", 0) == 0U);
  BOOST_TEST(bad("\xff\xfe").rfind("f.toml:1: ", 0) == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_told_by_name) {
  const auto missing = load_config("/nonexistent/f.toml");
  BOOST_TEST((missing.error().kind == ErrorKind::not_found));
  BOOST_TEST(missing.error().message == "/nonexistent/f.toml: cannot be read: No such file or directory");
  const auto directory = load_config("/tmp");
  BOOST_TEST((directory.error().kind == ErrorKind::invalid_argument));
  BOOST_TEST(directory.error().message == "/tmp: cannot be read: Is a directory");
}

BOOST_AUTO_TEST_CASE(an_empty_file_can_be_loaded) {
  const std::string path = "/tmp/podsandboxd-config-test-" + std::to_string(::getpid());
  std::ofstream(path).close();
  const auto config = load_config(path);
  std::filesystem::remove(path);
  BOOST_TEST_REQUIRE(config.has_value(), why(config));
}

BOOST_AUTO_TEST_CASE(durations_are_written_in_the_largest_exact_unit) {
  for (const std::string text : {"1ms", "999ms", "1s", "61s", "1m", "90m", "1h", "24h"}) {
    const auto duration = parse_duration(text);
    BOOST_TEST_REQUIRE(duration.has_value(), text);
    BOOST_TEST(format_duration(*duration) == text);
  }
  BOOST_TEST(format_duration(60s) == "1m");
  BOOST_TEST(format_duration(1000ms) == "1s");
}

BOOST_AUTO_TEST_SUITE_END()
