#include "services/api/go_json.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "proto/cri.pb.h"
#include "proto/runtime_options.pb.h"

namespace podsandbox::api {

using nlohmann::json;

BOOST_AUTO_TEST_SUITE(go_json_form)

BOOST_AUTO_TEST_CASE(empty_is_an_empty_object) {
  BOOST_TEST(go_json(::runtime::v1::PodSandboxConfig()).dump() == "{}");
}

/// What Go writes: snake_case, numbers for enums and for 64 bits, nothing for what is zero.
BOOST_AUTO_TEST_CASE(a_config_as_go_writes_it) {
  ::runtime::v1::PodSandboxConfig config;
  config.mutable_metadata()->set_name("web");
  config.mutable_metadata()->set_attempt(0);
  (*config.mutable_labels())["b"] = "2";
  (*config.mutable_labels())["a"] = "";
  config.mutable_dns_config()->add_servers("10.0.0.1");
  auto* linux_config = config.mutable_linux();
  linux_config->mutable_resources()->set_memory_limit_in_bytes(1LL << 40);
  auto* security = linux_config->mutable_security_context();
  security->mutable_namespace_options()->set_pid(::runtime::v1::CONTAINER);
  security->mutable_run_as_user()->set_value(0);
  security->add_supplemental_groups(7);
  const auto expected = json::parse(R"({
    "metadata": {"name": "web"},
    "labels": {"a": "", "b": "2"},
    "dns_config": {"servers": ["10.0.0.1"]},
    "linux": {
      "resources": {"memory_limit_in_bytes": 1099511627776},
      "security_context": {
        "namespace_options": {"pid": 1}, "run_as_user": {}, "supplemental_groups": [7]
      }
    }
  })");
  BOOST_TEST(go_json(config) == expected);
}

BOOST_AUTO_TEST_CASE(bytes_are_base64) {
  ::runtimeoptions::v1::Options options;
  options.set_config_body(std::string("\0\xff", 2));
  BOOST_TEST(go_json(options).dump() == R"({"config_body":"AP8="})");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::api
