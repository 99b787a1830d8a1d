#include "services/containerd/runtime/nri_messages.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "services/containerd/runtime/nri_process.hpp"

namespace podsandbox::test {

using namespace containerd_runtime;
using nlohmann::json;

namespace {

const char* const spec = R"({
  "ociVersion": "1.1.0", "process": {"args": ["/pause"]}, "annotations": {"a": "b"},
  "linux": {"resources": {"cpu": {"shares": 2}}, "cgroupsPath": "/kubepods/pod1/s",
            "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/1"}],
            "maskedPaths": ["/proc/kcore"]}})";

json request(NriState state, const NriSandbox& sandbox, const NriPlugin& plugin = {"first", ""},
             const std::vector<NriResult>& results = {}) {
  const auto text = nri_request("0.1", plugin, state, sandbox, results);
  BOOST_REQUIRE(text.has_value());
  return json::parse(*text);
}

void refuses_config(const std::string& text, const std::string& why) {
  const auto plugins = parse_nri_config(text);
  BOOST_REQUIRE(!plugins.has_value());
  BOOST_TEST((plugins.error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(plugins.error().message == why);
}

void refuses_result(const std::string& text, const std::string& why) {
  const auto result = parse_nri_result(text);
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST(result.error().message == why);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nri_messages)

BOOST_AUTO_TEST_CASE(a_configuration_names_plugins_in_their_order) {
  const auto plugins = parse_nri_config(
      R"({"version": "0.2", "plugins": [{"type": "b", "conf": {"x": [1]}}, {"type": "/opt/a"}], "more": 1})");
  BOOST_REQUIRE(plugins.has_value());
  BOOST_TEST(plugins->version == "0.2");
  BOOST_REQUIRE(plugins->list.size() == 2U);
  BOOST_TEST(plugins->list[0].type == "b");
  BOOST_TEST(plugins->list[0].conf == R"({"x":[1]})");
  BOOST_TEST(plugins->list[1].type == "/opt/a");
  BOOST_TEST(plugins->list[1].conf.empty());
}

BOOST_AUTO_TEST_CASE(a_configuration_may_have_no_plugins) {
  for (const char* text : {R"({"version": "0.1"})", R"({"plugins": null})", R"({"plugins": []})", "{}"}) {
    const auto plugins = parse_nri_config(text);
    BOOST_REQUIRE(plugins.has_value());
    BOOST_TEST(plugins->list.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_is_refused) {
  for (const char* text : {"", "{", "[]", "null", R"({"plugins": []} more)"}) {
    refuses_config(text, "it is no JSON object");
  }
  refuses_config(R"({"version": 1})", "`version` is not a string");
  refuses_config(R"({"plugins": {}})", "`plugins` is not an array");
  refuses_config(R"({"plugins": ["a"]})", "a plugin is not an object");
  refuses_config(R"({"plugins": [{"conf": 1}]})", "a plugin has no `type`");
  refuses_config(R"({"plugins": [{"type": 1}]})", "`type` is not a string");
  refuses_config(R"({"plugins": [{"type": "../a"}]})",
                 "the `type` ../a is neither a program's name nor its absolute path");
}

BOOST_AUTO_TEST_CASE(at_create_a_plugin_is_told_everything) {
  const NriResult before{"zeroth", "1", "", {{"k", "v"}}};
  const auto told = request(NriState::create, {"s1", 42, spec, {{"app", "web"}}}, {"first", R"({"x":[1]})"},
                            {before, {"bare", "", "", {}}});
  const auto expected = json::parse(R"({
    "version": "0.1", "state": "create", "id": "s1", "sandboxID": "s1", "pid": 42, "conf": {"x": [1]},
    "labels": {"app": "web"},
    "spec": {"resources": {"cpu": {"shares": 2}}, "cgroupsPath": "/kubepods/pod1/s", "annotations": {"a": "b"},
             "namespaces": {"pid": "", "network": "/run/netns/1"}},
    "results": [{"plugin": "zeroth", "version": "1", "error": "", "metadata": {"k": "v"}},
                {"plugin": "bare", "version": "", "error": ""}]})");
  BOOST_TEST(told == expected);
}

BOOST_AUTO_TEST_CASE(at_delete_a_plugin_is_told_what_is_still_known) {
  const auto told = request(NriState::remove, {"s1", 0, "", {{"app", "web"}}});
  BOOST_TEST(
      told ==
      json::parse(R"({"version": "0.1", "state": "delete", "id": "s1", "sandboxID": "s1", "spec": {}})"));
}

BOOST_AUTO_TEST_CASE(a_spec_that_is_none_is_refused) {
  for (const char* text : {"{", "[]", R"({"linux": {"namespaces": [1]}})",
                           R"({"linux": {"namespaces": [{"type": "pid", "path": 1}]}})"}) {
    const auto refused = nri_request("0.1", {"first", ""}, NriState::create, {"s1", 1, text, {}}, {});
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == ErrorKind::failed_precondition));
  }
}

BOOST_AUTO_TEST_CASE(a_result_is_read) {
  const auto result =
      parse_nri_result(R"({"plugin": "p", "version": "1", "error": "e", "metadata": {"a": "b"}, "more": {}})"
                       "\n");
  BOOST_REQUIRE(result.has_value());
  BOOST_TEST(result->plugin == "p");
  BOOST_TEST(result->version == "1");
  BOOST_TEST(result->error == "e");
  BOOST_TEST((result->metadata == std::map<std::string, std::string>{{"a", "b"}}));
  BOOST_TEST(parse_nri_result(R"({"metadata": null})")->error.empty());
}

BOOST_AUTO_TEST_CASE(a_wrong_result_is_refused) {
  refuses_result("oh\xff", "its output is no JSON object: \"oh\xef\xbf\xbd\"");
  refuses_result("{} {}", R"(its output is no JSON object: "{} {}")");
  refuses_result(std::string(300, '['),
                 "its output is no JSON object: \"" + std::string(200, '[') + "\" and more");
  refuses_result(R"({"error": 1})", "its result is malformed: `error` is not a string");
  for (const char* text : {R"({"metadata": "a"})", R"({"metadata": ["a"]})", R"({"metadata": {"a": 1}})"}) {
    refuses_result(text, "its result is malformed: `metadata` does not map strings to strings");
  }
}

BOOST_AUTO_TEST_CASE(plugins_are_looked_for_in_path_first) {
  BOOST_TEST(plugin_path("/usr/bin:/bin") == "/usr/bin:/bin:/opt/nri/bin");
  BOOST_TEST(plugin_path("") == "/opt/nri/bin");
  BOOST_TEST(plugin_path(nullptr) == "/opt/nri/bin");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
