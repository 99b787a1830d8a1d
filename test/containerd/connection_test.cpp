#include "services/containerd/connection.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "test/containerd/fake_containerd.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

namespace {

using containerd_client::CallOptions;
using containerd_client::Connection;
using containerd_client::Envelope;
using containerd_client::Subscription;
using containers::Containers;
using AsyncContainers = Containers::StubInterface::async_interface;
using namespace std::chrono_literals;

constexpr const char* digest = "sha256:0123";

/// What is called back with, for a test to wait for.
template <class T>
class Answer {
 public:
  Connection::Callback<T> callback() {
    return [promise = promise_](Result<T> result) { promise->set_value(std::move(result)); };
  }

  Result<T> get() {
    auto future = promise_->get_future();
    BOOST_REQUIRE(future.wait_for(20s) == std::future_status::ready);
    return future.get();
  }

 private:
  std::shared_ptr<std::promise<Result<T>>> promise_ = std::make_shared<std::promise<Result<T>>>();
};

/// What a subscription tells, as long as it does.
class Heard {
 public:
  std::unique_ptr<Subscription> by(Connection& connection, const std::vector<std::string>& filters = {}) {
    return connection.subscribe(
        filters,
        [log = log_](const Envelope& event) {
          const std::lock_guard lock(log->mutex);
          log->topics.push_back(event.topic());
        },
        [log = log_](Error error) {
          const std::lock_guard lock(log->mutex);
          log->ends.push_back(std::move(error));
        });
  }

  std::vector<std::string> topics() const {
    const std::lock_guard lock(log_->mutex);
    return log_->topics;
  }
  std::vector<Error> ends() const {
    const std::lock_guard lock(log_->mutex);
    return log_->ends;
  }
  bool ends_with(ErrorKind kind) const {
    return eventually([this] { return !ends().empty(); }) && ends().size() == 1 && ends()[0].kind == kind;
  }

 private:
  struct Log {
    std::mutex mutex;
    std::vector<std::string> topics;
    std::vector<Error> ends;
  };
  std::shared_ptr<Log> log_ = std::make_shared<Log>();
};

Envelope event(const std::string& topic) {
  Envelope event;
  event.set_topic(topic);
  return event;
}

Blob blob(const std::vector<std::string>& pieces, const grpc::Status& end = {}) {
  Blob blob{{}, end};
  std::int64_t offset = 0;
  for (const auto& data : pieces) {
    auto& piece = blob.pieces.emplace_back();
    piece.set_offset(offset);
    piece.set_data(data);
    offset += static_cast<std::int64_t>(data.size());
  }
  return blob;
}

class Fixture {
 public:
  Fixture() { containerd.start(); }
  ~Fixture() {
    connection.reset();
    BOOST_TEST(containerd.violations().empty());
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  Result<containers::GetContainerResponse> get(const std::string& id, const CallOptions& options = {}) {
    containers::GetContainerRequest request;
    request.set_id(id);
    Answer<containers::GetContainerResponse> answer;
    connection->call<Containers>(&AsyncContainers::Get, request, answer.callback(), options);
    return answer.get();
  }

  Result<std::string> read(std::size_t limit) {
    Answer<std::string> answer;
    connection->read_content(digest, limit, answer.callback());
    return answer.get();
  }

  bool subscribed(std::size_t count = 1) {
    return eventually([&] { return containerd.subscriptions().size() == count; });
  }

  FakeContainerd containerd;
  std::optional<Connection> connection{std::in_place, containerd.socket(), 20s};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(connection_calls, Fixture)

BOOST_AUTO_TEST_CASE(a_call_has_the_lease_that_it_is_given_and_no_other) {
  containers::Container record;
  record.set_id("a");
  containerd.put(record);
  BOOST_TEST(get("a", {.lease = "one"})->container().id() == "a");
  BOOST_TEST(containerd.lease_of("Get a") == "one");
  BOOST_TEST(get("a").has_value());
  BOOST_TEST(containerd.lease_of("Get a").empty());
}

BOOST_AUTO_TEST_CASE(a_call_ends_after_the_timeout_that_it_is_given) {
  containerd.hold("Get");
  const auto result = get("a", {.timeout = 20ms});
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST((result.error().kind == ErrorKind::deadline_exceeded));
}

BOOST_AUTO_TEST_CASE(a_call_ends_after_the_timeout_of_the_connection) {
  containerd.hold("Get");
  connection.emplace(containerd.socket(), 20ms);
  BOOST_TEST((get("a").error().kind == ErrorKind::deadline_exceeded));
}

BOOST_AUTO_TEST_CASE(what_is_called_while_the_connection_ends_is_told_so) {
  containerd.hold("Get");
  Answer<containers::GetContainerResponse> second;
  auto again = [&ending = *connection, callback = second.callback()](const auto&) {
    ending.call<Containers>(&AsyncContainers::Get, containers::GetContainerRequest(), callback);
  };
  connection->call<Containers>(&AsyncContainers::Get, containers::GetContainerRequest(), again);
  BOOST_REQUIRE(eventually([&] { return containerd.count("Get") == 1; }));
  connection.reset();
  BOOST_TEST((second.get().error().kind == ErrorKind::cancelled));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(content_reads, Fixture)

BOOST_AUTO_TEST_CASE(the_pieces_are_put_together) {
  containerd.put_content(digest, blob({"one", "", " and ", "two"}));
  BOOST_TEST(read(11).value() == "one and two");
}

BOOST_AUTO_TEST_CASE(content_may_be_empty) {
  containerd.put_content(digest, blob({}));
  BOOST_TEST(read(0).value().empty());
}

BOOST_AUTO_TEST_CASE(more_than_the_limit_is_refused) {
  containerd.put_content(digest, blob({"one", " and ", "two"}));
  const auto result = read(10);
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST((result.error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(
      result.error().message ==
      "reading the content sha256:0123 from containerd: there are more than the 10 bytes that are read "
      "of it");
}

BOOST_AUTO_TEST_CASE(nothing_is_read_on_when_it_is_too_much) {
  containerd.put_content(digest, blob(std::vector<std::string>(1000, std::string(100'000, 'x'))));
  BOOST_TEST((read(150'000).error().kind == ErrorKind::failed_precondition));
}

BOOST_AUTO_TEST_CASE(content_that_breaks_off_is_an_error) {
  containerd.put_content(digest, blob({"one", " and "}, {grpc::StatusCode::UNAVAILABLE, "gone"}));
  const auto result = read(100);
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST((result.error() == Error{ErrorKind::unavailable, "gone"}));
}

BOOST_AUTO_TEST_CASE(a_gap_is_an_error) {
  auto gap = blob({"one", "two"});
  gap.pieces[1].set_offset(4);
  containerd.put_content(digest, gap);
  BOOST_TEST((read(100).error().kind == ErrorKind::internal));
}

BOOST_AUTO_TEST_CASE(content_that_is_not_there_is_not_found) {
  BOOST_TEST((read(100).error().kind == ErrorKind::not_found));
}

BOOST_AUTO_TEST_CASE(a_read_that_hangs_ends_with_the_connection) {
  containerd.hold("Read");
  Answer<std::string> answer;
  connection->read_content(digest, 100, answer.callback());
  BOOST_REQUIRE(eventually([&] { return containerd.count("Read sha256:0123") == 1; }));
  connection.reset();
  BOOST_TEST((answer.get().error().kind == ErrorKind::cancelled));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(subscriptions, Fixture)

BOOST_AUTO_TEST_CASE(events_arrive_in_order) {
  Heard heard;
  const auto subscription = heard.by(*connection, {R"(topic=="/tasks/exit")", R"(topic~="/images/")"});
  BOOST_REQUIRE(subscribed());
  const std::vector<std::string> filters{R"(topic=="/tasks/exit")", R"(topic~="/images/")"};
  BOOST_TEST(containerd.subscriptions()[0] == filters);
  std::vector<std::string> topics;
  for (int i = 0; i < 1000; ++i) topics.push_back("/tasks/exit/" + std::to_string(i));
  for (const auto& topic : topics) containerd.publish(event(topic));
  BOOST_TEST(eventually([&] { return heard.topics().size() == topics.size(); }));
  BOOST_TEST(heard.topics() == topics, boost::test_tools::per_element());
  BOOST_TEST(heard.ends().empty());
}

BOOST_AUTO_TEST_CASE(a_subscription_outlasts_the_timeout_of_calls) {
  connection.emplace(containerd.socket(), 20ms);
  Heard heard;
  const auto subscription = heard.by(*connection);
  BOOST_REQUIRE(subscribed());
  containerd.hold("Get");
  BOOST_TEST((get("a").error().kind == ErrorKind::deadline_exceeded));
  containerd.publish(event("/late"));
  BOOST_TEST(eventually([&] { return heard.topics().size() == 1; }));
}

BOOST_AUTO_TEST_CASE(it_ends_with_its_handle) {
  Heard one;
  Heard other;
  auto subscription = one.by(*connection);
  const auto remains = other.by(*connection);
  BOOST_REQUIRE(subscribed(2));
  subscription.reset();
  BOOST_TEST(one.ends_with(ErrorKind::cancelled));
  BOOST_TEST(subscribed(1));
  containerd.publish(event("/x"));
  BOOST_TEST(eventually([&] { return other.topics().size() == 1; }));
  BOOST_TEST(one.topics().empty());
  BOOST_TEST(one.ends().size() == 1U);
}

BOOST_AUTO_TEST_CASE(it_may_be_ended_from_its_own_callback) {
  std::unique_ptr<Subscription> subscription;
  std::promise<Error> ended;
  std::promise<void> have_it;
  subscription = connection->subscribe(
      {},
      [&, ready = have_it.get_future().share()](const Envelope&) {
        ready.wait();
        subscription.reset();
      },
      [&](Error error) { ended.set_value(std::move(error)); });
  have_it.set_value();
  BOOST_REQUIRE(subscribed());
  containerd.publish(event("/x"));
  auto future = ended.get_future();
  const bool told = future.wait_for(20s) == std::future_status::ready;
  connection.reset();  // nothing calls back any more
  BOOST_REQUIRE(told);
  BOOST_TEST((future.get().kind == ErrorKind::cancelled));
}

BOOST_AUTO_TEST_CASE(the_server_ends_it) {
  Heard heard;
  const auto subscription = heard.by(*connection);
  BOOST_REQUIRE(subscribed());
  containerd.publish(event("/x"));
  BOOST_REQUIRE(eventually([&] { return heard.topics().size() == 1; }));
  containerd.end_subscriptions(grpc::Status::OK);
  BOOST_TEST(heard.ends_with(ErrorKind::unavailable));
}

BOOST_AUTO_TEST_CASE(the_server_fails_it) {
  Heard heard;
  const auto subscription = heard.by(*connection);
  BOOST_REQUIRE(subscribed());
  containerd.end_subscriptions({grpc::StatusCode::INVALID_ARGUMENT, "no such filter"});
  BOOST_TEST(heard.ends_with(ErrorKind::invalid_argument));
}

BOOST_AUTO_TEST_CASE(the_server_is_gone) {
  Heard heard;
  const auto subscription = heard.by(*connection);
  BOOST_REQUIRE(subscribed());
  containerd.stop();
  BOOST_TEST(heard.ends_with(ErrorKind::unavailable));
}

BOOST_AUTO_TEST_CASE(there_is_no_server) {
  containerd.stop();
  Heard heard;
  const auto subscription = heard.by(*connection);
  BOOST_TEST(heard.ends_with(ErrorKind::unavailable));
}

BOOST_AUTO_TEST_CASE(it_ends_with_the_connection_and_may_outlive_it) {
  Heard heard;
  const auto subscription = heard.by(*connection);
  BOOST_REQUIRE(subscribed());
  connection.reset();
  BOOST_REQUIRE(heard.ends().size() == 1U);
  BOOST_TEST((heard.ends()[0].kind == ErrorKind::cancelled));
}

BOOST_AUTO_TEST_CASE(what_is_subscribed_to_while_the_connection_ends_ends_as_well) {
  Heard second;
  std::unique_ptr<Subscription> again;
  const auto subscription = connection->subscribe(
      {}, [](const Envelope&) {}, [&, &ending = *connection](const Error&) { again = second.by(ending); });
  BOOST_REQUIRE(subscribed());
  connection.reset();
  BOOST_REQUIRE(second.ends().size() == 1U);
  BOOST_TEST((second.ends()[0].kind == ErrorKind::cancelled));
}

/// Events arrive, and handles and connections go away, on different threads in every order.
BOOST_AUTO_TEST_CASE(handles_and_connections_end_at_any_moment) {
  for (int round = 0; round < 200; ++round) {
    Heard heard;
    connection.emplace(containerd.socket(), 20s);
    auto one = heard.by(*connection);
    auto other = heard.by(*connection);
    if (round % 4 == 0) BOOST_REQUIRE(subscribed(2));
    containerd.publish(event("/x"));
    const auto dropping = std::async(std::launch::async, [&] { one.reset(); });
    connection.reset();
    BOOST_REQUIRE(heard.ends().size() == 2U);
    dropping.wait();
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
