#include "actors/restart_intensity.hpp"

#include <boost/test/unit_test.hpp>

namespace podsandbox {

using std::chrono::seconds;

BOOST_AUTO_TEST_SUITE(restart_intensity)

BOOST_AUTO_TEST_CASE(one_too_many_within_the_period_is_refused) {
  RestartIntensity intensity(3, seconds(10));
  const RestartIntensity::Clock::time_point start;
  BOOST_TEST(intensity.allow(start));
  BOOST_TEST(intensity.allow(start + seconds(1)));
  BOOST_TEST(intensity.allow(start + seconds(2)));
  BOOST_TEST(!intensity.allow(start + seconds(9)));
}

/// The window slides: what is long ago does not count.
BOOST_AUTO_TEST_CASE(old_restarts_are_forgotten) {
  RestartIntensity intensity(2, seconds(10));
  const RestartIntensity::Clock::time_point start;
  BOOST_TEST(intensity.allow(start));
  BOOST_TEST(intensity.allow(start + seconds(8)));
  BOOST_TEST(intensity.allow(start + seconds(10)));
  BOOST_TEST(!intensity.allow(start + seconds(17)));
  BOOST_TEST(intensity.allow(start + seconds(18)));
}

BOOST_AUTO_TEST_CASE(a_slow_trickle_goes_on_for_ever) {
  RestartIntensity intensity(1, seconds(10));
  RestartIntensity::Clock::time_point now;
  for (int i = 0; i < 1000; ++i) BOOST_TEST(intensity.allow(now += seconds(10)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox
