#include "services/oci/image_config.hpp"

#include <boost/test/unit_test.hpp>

namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(image_config)

BOOST_AUTO_TEST_CASE(good) {
  const oci::ImageConfig whole{{"/pause", "a"}, {"b"}, {"A=1"}, "/w", "u:g"};
  BOOST_TEST((oci::read_image_config(R"({"architecture": "amd64", "config": {"Entrypoint": ["/pause", "a"],
    "Cmd": ["b"], "Env": ["A=1"], "WorkingDir": "/w", "User": "u:g", "Labels": {"a": "b"}, "Volumes": null},
    "rootfs": {"diff_ids": []}})") == whole));
  for (const char* empty : {"{}", R"({"config": null})", R"({"config": {}})",
                            R"({"config": {"Entrypoint": null, "Cmd": [], "User": "", "Env": null}})"}) {
    BOOST_TEST((oci::read_image_config(empty) == oci::ImageConfig{}), empty);
  }
}

BOOST_AUTO_TEST_CASE(bad) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("5"), std::string(100'000, '['),
        std::string(R"({"config": []})"), std::string(R"({"config": {"User": 5}})")}) {
    BOOST_TEST(!oci::read_image_config(text).has_value(), text.substr(0, 50));
  }
  for (const char* key : {"Entrypoint", "Cmd", "Env", "WorkingDir", "User"}) {
    for (const char* value : {"5", "{}", R"("a\u0000")", R"(["a", 5])", R"(["a\u0000"])"}) {
      const auto read =
          oci::read_image_config(std::string(R"({"config": {")") + key + R"(": )" + value + "}}");
      BOOST_TEST_CONTEXT(key << " is " << value) {
        BOOST_TEST_REQUIRE(!read.has_value());
        BOOST_TEST(read.error().find(key) != std::string::npos);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
