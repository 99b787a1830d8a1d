#include "actors/hub/event_log.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

namespace podsandbox {

BOOST_AUTO_TEST_SUITE(event_log)

BOOST_AUTO_TEST_CASE(numbers_start_at_one_and_the_oldest_are_dropped) {
  EventLog log(3);
  BOOST_TEST(log.next() == 1U);
  for (int i = 0; i < 5; ++i) log.publish(log.append(Event{})->sequence);
  BOOST_TEST(log.next() == 6U);
  BOOST_TEST((log.read(2, 10).error().kind == ErrorKind::out_of_range));
  const auto batch = log.read(3, 10);
  BOOST_REQUIRE(batch);
  BOOST_TEST(batch->events.size() == 3U);
  BOOST_TEST(batch->events.front()->sequence == 3U);
  BOOST_TEST(batch->next == 6U);
}

BOOST_AUTO_TEST_CASE(a_read_is_limited_and_the_end_is_empty) {
  EventLog log(10);
  for (int i = 0; i < 5; ++i) log.publish(log.append(Event{})->sequence);
  const auto batch = log.read(1, 2);
  BOOST_TEST(batch->events.size() == 2U);
  BOOST_TEST(batch->next == 3U);
  BOOST_TEST(log.read(6, 2)->events.empty());
  BOOST_TEST((log.read(7, 2).error().kind == ErrorKind::out_of_range));
}

/// What is not published is not read, and has its number all the same.
BOOST_AUTO_TEST_CASE(events_are_read_when_they_are_published) {
  EventLog log(10);
  for (int i = 0; i < 4; ++i) log.append(Event{});
  BOOST_TEST(log.next() == 1U);
  BOOST_TEST(log.read(1, 10)->events.empty());
  log.publish(3);
  BOOST_TEST(log.read(1, 10)->events.size() == 3U);
  BOOST_TEST(log.next() == 4U);
  BOOST_TEST((log.read(5, 10).error().kind == ErrorKind::out_of_range));
  log.publish(2);
  BOOST_TEST(log.next() == 4U);
  BOOST_TEST(log.all().size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_log_goes_on_where_another_ended) {
  std::vector<Event> events(5);
  for (std::size_t i = 0; i < events.size(); ++i) events[i].sequence = 8 + i;
  EventLog log(3, events, 13);
  BOOST_TEST(log.next() == 13U);
  BOOST_TEST((log.read(9, 10).error().kind == ErrorKind::out_of_range));
  BOOST_TEST(log.read(10, 10)->events.front()->sequence == 10U);
  BOOST_TEST(log.append(Event{})->sequence == 13U);
}

/// One writes while another reads: the reader sees every number once.
BOOST_AUTO_TEST_CASE(reading_while_writing) {
  constexpr std::uint64_t count = 20000;
  EventLog log(count);
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < count; ++i) log.publish(log.append(Event{})->sequence);
  });
  std::uint64_t position = 1;
  bool in_order = true;
  while (position <= count) {
    const auto batch = log.read(position, 100);
    for (const auto& event : batch->events) in_order = in_order && event->sequence == position++;
  }
  writer.join();
  BOOST_TEST(in_order);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox
