#include "services/host/runc_options.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "services/host/runc_state.hpp"

namespace podsandbox::host {

namespace {

const std::string type = "containerd.runc.v1.Options";

}  // namespace

BOOST_AUTO_TEST_SUITE(runc)

BOOST_AUTO_TEST_CASE(whose_options_they_are) {
  RuncOptions given;
  given.set_shim_cgroup("/shims");
  const auto bytes = given.SerializeAsString();
  const auto options = runc_options({type, bytes});
  BOOST_REQUIRE(options.has_value());
  BOOST_TEST(options->shim_cgroup() == "/shims");
  BOOST_TEST(runc_options({}).value().SerializeAsString() == "");
  for (const auto& other : {"runtimeoptions.v1.Options", "x.containerd.runc.v1.Options", "Options"}) {
    BOOST_TEST(!runc_options({other, bytes}).has_value(), other);
  }
  BOOST_TEST(!runc_options({type, "\xff"}).has_value());
}

BOOST_AUTO_TEST_CASE(where_it_keeps_its_state) {
  BOOST_TEST(runc_root({}) == "/run/containerd/runc");
  BOOST_TEST(runc_state({}, "pod") == "/run/containerd/runc/k8s.io/pod");
  RuncOptions given;
  given.set_root("/a");
  BOOST_TEST(runc_root(given) == "/a");
  BOOST_TEST(runc_state({type, given.SerializeAsString()}, "pod") == "/a/k8s.io/pod");
  given.set_root("..");
  BOOST_TEST(runc_state({type, given.SerializeAsString()}, "pod") == "");
  BOOST_TEST(runc_state({"runtimeoptions.v1.Options", ""}, "pod") == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::host
