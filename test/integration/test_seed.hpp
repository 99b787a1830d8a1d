#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>

namespace podsandbox::test {

/// Of all that a test leaves to chance, and printed; PODSANDBOX_TEST_SEED repeats the choices of an earlier
/// run.
inline unsigned test_seed() {
  const char* given = std::getenv("PODSANDBOX_TEST_SEED");
  const auto seed =
      given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  BOOST_TEST_MESSAGE("PODSANDBOX_TEST_SEED=" << seed);
  return seed;
}

}  // namespace podsandbox::test
