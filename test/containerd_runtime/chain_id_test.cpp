#include "services/containerd/runtime/chain_id.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "services/containerd/runtime/digest.hpp"

namespace podsandbox::test {

using containerd_runtime::chain_ids;
using containerd_runtime::is_sha256_digest;
using containerd_runtime::sha256_digest;
using Strings = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(chain_id)

/// As sha256sum(1) says.
BOOST_AUTO_TEST_CASE(digests) {
  BOOST_TEST(sha256_digest("") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(sha256_digest("abc") ==
             "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(is_sha256_digest(sha256_digest("abc")));
}

BOOST_AUTO_TEST_CASE(what_is_no_digest) {
  const auto good = sha256_digest("abc");
  for (const auto& bad :
       {std::string(), std::string("sha256:"), good.substr(0, good.size() - 1), good + "0",
        "sha512:" + good.substr(7), good.substr(7), "SHA256:" + good.substr(7),
        good.substr(0, good.size() - 1) + "A", good.substr(0, good.size() - 1) + "g", " " + good.substr(1)}) {
    BOOST_TEST(!is_sha256_digest(bad), bad);
  }
}

/// printf '%s %s' a b | sha256sum
BOOST_AUTO_TEST_CASE(each_layer_is_named_after_all_below_it) {
  const std::string a = "sha256:" + std::string(64, 'a');
  const std::string b = "sha256:" + std::string(64, 'b');
  const std::string c = "sha256:" + std::string(64, 'c');
  const std::string ab = "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c";
  const std::string abc = "sha256:c1377126441fb2f5ec2c21ae2a60255331d639e830f0ee1b40a36e52d4c40588";
  BOOST_TEST(chain_ids({}) == Strings{});
  BOOST_TEST(chain_ids({a}) == Strings{a});
  BOOST_TEST(chain_ids({a, b}) == (Strings{a, ab}));
  BOOST_TEST(chain_ids({a, b, c}) == (Strings{a, ab, abc}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
