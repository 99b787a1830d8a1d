#include "services/host/platform.hpp"

#include <boost/test/unit_test.hpp>

namespace podsandbox::host {

BOOST_AUTO_TEST_CASE(platforms_have_gos_names) {
  BOOST_TEST(platform_of("x86_64").architecture == "amd64");
  BOOST_TEST(platform_of("aarch64").variant == "v8");
  BOOST_TEST(platform_of("armv7l").architecture == "arm");
  BOOST_TEST(host_platform().os == "linux");
}

}  // namespace podsandbox::host
