#include <boost/test/unit_test.hpp>
#include <string>

#include "messages/sandbox_spec.hpp"

namespace podsandbox {

BOOST_AUTO_TEST_SUITE(identifier)

BOOST_AUTO_TEST_CASE(what_containerd_accepts) {
  for (const char* id : {"a", "0", "pod-a", "a.b_c-d", "A9"}) BOOST_TEST(is_identifier(id), id);
  BOOST_TEST(is_identifier(std::string(76, 'x')));
}

/// An id becomes a path component, a cgroup, a host of messages: nothing else gets in.
BOOST_AUTO_TEST_CASE(what_is_hostile) {
  for (const std::string& id :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("../x"),
        std::string("a..b"), std::string("a--b"), std::string("-a"), std::string("a-"), std::string("_"),
        std::string("a b"), std::string("a\n"), std::string("a\0b", 3), std::string("ä"), std::string("a%"),
        std::string(77, 'x'), std::string(1 << 20, 'x')}) {
    BOOST_TEST(!is_identifier(id), id.substr(0, 20));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox
