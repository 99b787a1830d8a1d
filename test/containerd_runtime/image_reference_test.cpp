#include "services/containerd/runtime/image_reference.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

/// By which name containerd knows what somebody wrote.
namespace podsandbox::test {

using containerd_runtime::normalised_reference;

namespace {

const std::string hex(64, 'a');
const std::string digest = "sha256:" + hex;

}  // namespace

BOOST_AUTO_TEST_SUITE(image_reference)

BOOST_AUTO_TEST_CASE(names) {
  const std::vector<std::pair<std::string, std::string>> all = {
      {"pause", "docker.io/library/pause:latest"},
      {"pause:3.10", "docker.io/library/pause:3.10"},
      {"somebody/pause", "docker.io/somebody/pause:latest"},
      {"a/b/c:x", "docker.io/a/b/c:x"},
      {"docker.io/pause", "docker.io/library/pause:latest"},
      {"docker.io/library/pause:1", "docker.io/library/pause:1"},
      {"index.docker.io/pause", "docker.io/library/pause:latest"},
      {"index.docker.io/somebody/pause", "docker.io/somebody/pause:latest"},
      {"registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"},
      {"registry.k8s.io/pause", "registry.k8s.io/pause:latest"},
      {"host:5000/x", "host:5000/x:latest"},
      {"host:5000/x:5000", "host:5000/x:5000"},
      {"localhost/x", "localhost/x:latest"},
      {"localhost:80/x/y", "localhost:80/x/y:latest"},
      {"Host/x", "Host/x:latest"},
      {"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest"},
      {"[::1]:5000/x", "[::1]:5000/x:latest"},
      {"[2001:DB8::1]/x", "[2001:DB8::1]/x:latest"},
      {"under_score/a.b-c__d---e", "docker.io/under_score/a.b-c__d---e:latest"},
      {"pause:_T-a.g", "docker.io/library/pause:_T-a.g"},
      {"pause:" + std::string(128, 't'), "docker.io/library/pause:" + std::string(128, 't')},
      {"pause@" + digest, "docker.io/library/pause@" + digest},
      {"registry.k8s.io/pause:3.10@" + digest, "registry.k8s.io/pause@" + digest},
      {"pause@sha512:" + hex + hex, "docker.io/library/pause@sha512:" + hex + hex},
      {digest, digest},
      {std::string(63, 'a'), "docker.io/library/" + std::string(63, 'a') + ":latest"},
      {"h.io/" + std::string(250, 'a'), "h.io/" + std::string(250, 'a') + ":latest"},
  };
  for (const auto& [text, name] : all) {
    const auto normalised = normalised_reference(text);
    BOOST_TEST(normalised.has_value(), text << ": " << (normalised ? "" : normalised.error()));
    if (normalised) BOOST_TEST(*normalised == name);
  }
}

/// What came out is the name itself.
BOOST_AUTO_TEST_CASE(a_name_stays_as_it_is) {
  for (const auto& text : {"pause", "a/b", "host:5000/x", "Host/x", "[::1]:1/x"}) {
    const auto once = normalised_reference(text).value();
    BOOST_TEST(normalised_reference(once).value() == once);
  }
  BOOST_TEST(normalised_reference(normalised_reference("x:y@" + digest).value()).value() ==
             "docker.io/library/x@" + digest);
}

BOOST_AUTO_TEST_CASE(what_is_no_name) {
  const std::vector<std::pair<std::string, std::string>> all = {
      {"", "empty"},
      {hex, "without \"sha256:\""},
      {"Pause", "capital"},
      {"somebody/Pause", "capital"},
      {"pause:", "tag"},
      {"pause:-x", "tag"},
      {"pause:.x", "tag"},
      {"pause:a b", "tag"},
      {"pause:a:b", "tag"},
      {"a:b/c", "registry"},
      {"pause:" + std::string(129, 't'), "tag"},
      {"pause@", "digest"},
      {"pause@latest", "digest"},
      {"pause@sha256:" + std::string(63, 'a'), "digest"},
      {"pause@sha256:" + std::string(64, 'A'), "digest"},
      {"pause@sha512:" + hex, "digest"},
      {"pause@md5:" + std::string(32, 'a'), "digest"},
      {"pause@" + digest + "@" + digest, "digest"},
      {"a..b", "name"},
      {"a___b", "name"},
      {"a_-b", "name"},
      {"-a", "name"},
      {"a-", "name"},
      {"a/", "name"},
      {"a//b", "name"},
      {"/a", "name"},
      {" pause", "name"},
      {"pause\n", "name"},
      {std::string("pa\0use", 6), "name"},
      {"p\xc3\xa4use", "name"},
      {"https://registry.k8s.io/pause", "registry"},
      {"a..b.c/x", "registry"},
      {"-a.b/x", "registry"},
      {"a.b-/x", "registry"},
      {"host:/x", "registry"},
      {"host:5x/x", "registry"},
      {"[::1/x", "registry"},
      {"[]:5000/x", "registry"},
      {"[g::1]:5000/x", "registry"},
      {"h.io/" + std::string(251, 'a'), "255"},
      {std::string(1U << 20U, 'a'), "255"},
      {std::string(1U << 20U, '/'), "name"},
  };
  for (const auto& [text, part] : all) {
    const auto normalised = normalised_reference(text);
    BOOST_TEST(!normalised.has_value(), text.substr(0, 100) << " is " << normalised.value_or(""));
    if (normalised) continue;
    BOOST_TEST(normalised.error().find(part) != std::string::npos, text.substr(0, 100)
                                                                       << ": " << normalised.error());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
