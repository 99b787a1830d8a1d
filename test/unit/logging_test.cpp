#include "services/telemetry/logging.hpp"

#include <boost/test/unit_test.hpp>

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

}  // namespace podsandbox::telemetry
