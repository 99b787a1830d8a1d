#define BOOST_TEST_MODULE podsandboxd
#include <boost/test/unit_test.hpp>
