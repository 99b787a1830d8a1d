#include "services/containerd/cri_settings.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// What is said of a CRI that is configured in another way than we are.
namespace podsandbox::test {

using containerd_client::compare_cri_settings;
using Json = nlohmann::json;

namespace {

const CriSettings ours{.root_dir = "/var/lib/containerd/io.containerd.grpc.v1.cri",
                       .state_dir = "/run/containerd/io.containerd.grpc.v1.cri",
                       .defaults = {},
                       .handlers = {}};

/// The part that matters of what containerd 2.1 says, with one handler of ours and one of containerd's own.
Json agreeing() {
  return Json::parse(R"({
    "containerd": {
      "defaultRuntimeName": "runc",
      "runtimes": {
        "runc": {"runtimeType": "io.containerd.runc.v2", "PodAnnotations": ["a/*"], "snapshotter": "zfs",
                 "sandboxer": "podsandbox"},
        "ours": {"runtimeType": "io.containerd.runc.v2", "PodAnnotations": null, "snapshotter": "",
                 "sandboxer": "podsandboxd"}
      }
    },
    "restrictOOMScoreAdj": false,
    "unsetSeccompProfile": "",
    "enableUnprivilegedPorts": true,
    "enableUnprivilegedICMP": true,
    "containerdRootDir": "/var/lib/containerd",
    "rootDir": "/var/lib/containerd/io.containerd.grpc.v1.cri",
    "stateDir": "/run/containerd/io.containerd.grpc.v1.cri"
  })");
}

std::vector<std::string> warnings(const Json& config, const CriSettings& settings = ours) {
  return compare_cri_settings(config.dump(), settings);
}

void check_one(const std::vector<std::string>& lines, const std::vector<std::string>& parts) {
  BOOST_TEST_REQUIRE(lines.size() == 1U);
  for (const auto& part : parts) {
    BOOST_TEST(lines[0].find(part) != std::string::npos, "'" << part << "' is not in: " << lines[0]);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cri_settings)

BOOST_AUTO_TEST_CASE(nothing_is_said_when_they_agree) {
  BOOST_TEST(warnings(agreeing()).empty());
}

BOOST_AUTO_TEST_CASE(directories_must_be_the_same) {
  auto config = agreeing();
  config["rootDir"] = "/data/cri";
  check_one(warnings(config), {"\"/data/cri\"", "cri.root_dir", "\"" + ours.root_dir + "\""});
  config = agreeing();
  config["stateDir"] = "/data/cri";
  check_one(warnings(config), {"\"/data/cri\"", "cri.state_dir", "\"" + ours.state_dir + "\""});
}

BOOST_AUTO_TEST_CASE(directories_are_compared_as_paths) {
  auto config = agreeing();
  config["rootDir"] = "/var/lib//containerd/./io.containerd.grpc.v1.cri/";
  BOOST_TEST(warnings(config).empty());
}

BOOST_AUTO_TEST_CASE(directories_that_are_not_known_are_not_compared) {
  BOOST_TEST(warnings(agreeing(), CriSettings{}).empty());
  auto config = agreeing();
  config.erase("rootDir");
  BOOST_TEST(warnings(config).empty());
}

BOOST_AUTO_TEST_CASE(every_switch_must_be_the_same) {
  for (const auto& [json_key, toml_key] : {std::pair("enableUnprivilegedPorts", "enable_unprivileged_ports"),
                                           std::pair("enableUnprivilegedICMP", "enable_unprivileged_icmp"),
                                           std::pair("restrictOOMScoreAdj", "restrict_oom_score_adj")}) {
    auto config = agreeing();
    const bool theirs = !config[json_key].get<bool>();
    config[json_key] = theirs;
    check_one(warnings(config), {toml_key, theirs ? "is true in" : "is false in",
                                 theirs ? "false here" : "true here", "\"ours\""});
  }
}

/// The switches are CRI's for all pods, ours may differ by handler; only handlers that we have matter.
BOOST_AUTO_TEST_CASE(each_handler_is_compared_with_its_own_settings) {
  auto config = agreeing();
  config["containerd"]["runtimes"]["more"] = {{"sandboxer", "podsandboxd"}};
  auto settings = ours;
  settings.handlers["more"].enable_unprivileged_ports = false;
  settings.handlers["runc"].enable_unprivileged_ports = false;  // containerd's own
  check_one(warnings(config, settings), {"\"more\"", "false here"});
  settings.defaults.restrict_oom_score_adj = true;
  settings.handlers["more"].enable_unprivileged_ports = true;
  check_one(warnings(config, settings), {"\"ours\"", "restrict_oom_score_adj"});
}

/// Three settings that only a pause container has.
BOOST_AUTO_TEST_CASE(the_containerd_runtime_needs_more_to_be_the_same) {
  auto settings = ours;
  settings.handlers["ours"].runtime = RuntimeKind::containerd;
  BOOST_TEST(warnings(agreeing(), settings).empty());
  const auto check = [&](const Json& config, const std::vector<std::string>& parts) {
    check_one(warnings(config, settings), parts);
    BOOST_TEST(warnings(config).empty());  // the linux runtime does not care
  };
  auto config = agreeing();
  auto& handler = config["containerd"]["runtimes"]["ours"];
  handler["PodAnnotations"] = {"b", "a/*"};
  check(config, {R"(pod_annotations is ["a/*","b"] in)", "but [] here", "\"ours\"", ".runtimes.ours]"});
  settings.handlers["ours"].pod_annotations = {"a/*", "b"};  // in whatever order
  BOOST_TEST(warnings(config, settings).empty());
  handler["PodAnnotations"] = nullptr;
  check(config, {"pod_annotations is [] in", R"(but ["a/*","b"] here)"});
  settings.handlers["ours"].pod_annotations = {};

  handler["snapshotter"] = "native";
  check(config, {R"(snapshotter is "native" in)", R"(but "overlayfs" here)", ".runtimes.ours]"});
  settings.handlers["ours"].snapshotter = "native";
  BOOST_TEST(warnings(config, settings).empty());
  handler["snapshotter"] = "";  // then it is that of images, of which CRI does not tell
  BOOST_TEST(warnings(config, settings).empty());

  config["unsetSeccompProfile"] = "runtime/default";
  check(config, {R"(unset_seccomp_profile is "runtime/default" in)", R"(but "" here)", "cri.v1.runtime\"]"});
  settings.handlers["ours"].unset_seccomp_profile = "runtime/default";
  BOOST_TEST(warnings(config, settings).empty());
  config["unsetSeccompProfile"] = "docker/default";  // another name of the same
  BOOST_TEST(warnings(config, settings).empty());
  config["unsetSeccompProfile"] = "unconfined";
  settings.handlers["ours"].unset_seccomp_profile = "";
  BOOST_TEST(warnings(config, settings).empty());
}

BOOST_AUTO_TEST_CASE(without_a_handler_of_an_external_controller_nothing_matters) {
  for (const char* sandboxer : {"podsandbox", "shim", ""}) {
    auto config = agreeing();
    config["containerd"]["runtimes"]["ours"]["sandboxer"] = sandboxer;
    config["rootDir"] = "/elsewhere";
    config["enableUnprivilegedPorts"] = false;
    BOOST_TEST(warnings(config).empty(), sandboxer);
  }
}

BOOST_AUTO_TEST_CASE(hostile_text_is_survived) {
  for (const std::string text :
       {"", "{", "null", "[]", "7", "\"x\"", "\xff\xfe", "{\"rootDir\": \"\xff\"}", "{\"rootDir\": 1e999}"}) {
    check_one(compare_cri_settings(text, ours), {"cannot be read"});
  }
  std::string deep(1'000'000, '[');
  check_one(compare_cri_settings(deep, ours), {"cannot be read"});
  deep = "{\"containerd\":" + deep + std::string(1'000'000, ']') + "}";
  BOOST_TEST(compare_cri_settings(deep, ours).empty());
}

/// Any value may be of any type.
BOOST_AUTO_TEST_CASE(values_of_other_types_are_not_compared) {
  const std::vector<Json> odd{nullptr, true, 7, -1.5, "text", Json::array({1}), Json::object({{"a", 1}})};
  for (const auto& value : odd) {
    BOOST_TEST(warnings({{"containerd", value}}).empty());
    BOOST_TEST(warnings({{"containerd", {{"runtimes", value}}}}).empty());
    BOOST_TEST(warnings({{"containerd", {{"runtimes", {{"ours", value}}}}}}).empty());
    for (const char* key : {"rootDir", "stateDir"}) {
      auto config = agreeing();
      config[key] = value;
      BOOST_TEST(warnings(config).size() == (value.is_string() ? 1U : 0U));
    }
    for (const char* key : {"enableUnprivilegedPorts", "enableUnprivilegedICMP"}) {
      auto config = agreeing();
      config[key] = value;
      BOOST_TEST(warnings(config).empty());
    }
    auto containerd = ours;
    containerd.defaults.runtime = RuntimeKind::containerd;
    containerd.defaults.pod_annotations = {"a"};
    for (const char* key : {"PodAnnotations", "snapshotter"}) {
      auto changed = agreeing();
      changed["containerd"]["runtimes"]["ours"]["PodAnnotations"] = {"a"};
      changed["containerd"]["runtimes"]["ours"][key] = value;
      const bool differs = key[0] == 's' ? value.is_string() : value.is_null();
      BOOST_TEST(warnings(changed, containerd).size() == (differs ? 1U : 0U), key << " is " << value);
      changed = agreeing();
      changed["containerd"]["runtimes"]["ours"]["PodAnnotations"] = {"a"};
      changed["unsetSeccompProfile"] = value;
      BOOST_TEST(warnings(changed, containerd).size() == (value.is_string() ? 1U : 0U));
    }
    auto config = agreeing();
    config["containerd"]["runtimes"]["ours"]["sandboxer"] = value;
    config["enableUnprivilegedPorts"] = false;
    BOOST_TEST(warnings(config).size() == (value.is_string() ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
