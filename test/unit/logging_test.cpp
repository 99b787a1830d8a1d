#include "services/telemetry/logging.hpp"

#include <boost/test/unit_test.hpp>

#include "services/api/platform.hpp"

namespace podsandbox::telemetry {

BOOST_AUTO_TEST_SUITE(logging)

BOOST_AUTO_TEST_CASE(fields_of_a_line) {
  BOOST_TEST(log_fields("sandbox", "pod-a", "started") == R"(component=sandbox sandbox=pod-a msg="started")");
  BOOST_TEST(log_fields("root", "", "ready") == R"(component=root msg="ready")");
}

/// A message can bring anything from outside; it cannot make a line of its own or move the cursor.
BOOST_AUTO_TEST_CASE(hostile_bytes_are_escaped) {
  BOOST_TEST(log_fields("c", "", "a\nlevel=error msg=\"x\"\x1b[2J\\") ==
             R"(component=c msg="a\nlevel=error msg=\"x\"\x1b[2J\\")");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(platforms_have_gos_names) {
  BOOST_TEST(api::platform_of("x86_64").architecture == "amd64");
  BOOST_TEST(api::platform_of("aarch64").variant == "v8");
  BOOST_TEST(api::platform_of("armv7l").architecture == "arm");
  BOOST_TEST(api::host_platform().os == "linux");
}

}  // namespace podsandbox::telemetry
