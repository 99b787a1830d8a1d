#include "services/journal/codec.hpp"

#include <google/protobuf/stubs/logging.h>
#include <boost/test/unit_test.hpp>
#include <random>
#include <tuple>

#include "proto/cri.pb.h"
#include "proto/journal.pb.h"
#include "services/journal/codec_enums.hpp"
#include "test/journal/samples.hpp"

namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(codec)

namespace {

/// For the compiler: the samples have to be changed together with the types.
template <class Tuple, std::size_t... I>
bool all_differ(const Tuple& a, const Tuple& b, std::index_sequence<I...>) {
  return ((std::get<I>(a) != std::get<I>(b)) && ...);
}

template <class... T>
bool all_differ(const std::tuple<T...>& a, const std::tuple<T...>& b) {
  return all_differ(a, b, std::index_sequence_for<T...>());
}

auto members(const SandboxSpec& spec) {
  const auto& [a, config, c, d, e, f, g, h, i, j] = spec;
  return std::make_tuple(a, config->ByteSizeLong(), c, d, e, f, g, h, i, j);
}
auto members(const Started& started) {
  const auto& [a, b, c, d, e, f, g, h, i] = started;
  return std::make_tuple(a, b, c, d, e, f, g, h, i);
}
auto members(const Exit& exit) {
  const auto& [a, b] = exit;
  return std::make_tuple(a, b);
}
auto members(const SandboxRecord& record) {
  const auto& [spec, b, c, d, e, f, g, h, i, j, k] = record;
  return std::make_tuple(b, c, d, e, f, g, h, i, j, k);
}
auto members(const StoredSandbox& sandbox) {
  const auto& [record, b, c, d, e, f, g] = sandbox;
  return std::make_tuple(b, c, d, e, f, g);
}
auto members(const TaskExit& exit) {
  const auto& [a, b, c, d] = exit;
  return std::make_tuple(a, b, c, d);
}
auto members(const Event& event) {
  const auto& [a, b, c, d, e, f, g, h] = event;
  return std::make_tuple(a, b, c, d, e, f, g, h);
}

StoredSandbox round_trip(const StoredSandbox& sandbox) {
  const auto bytes = journal::encode(sandbox);
  BOOST_REQUIRE(bytes);
  auto decoded = journal::decode_sandbox(*bytes);
  BOOST_REQUIRE(decoded);
  return *decoded;
}

}  // namespace

/// Else a member that is forgotten would look as if it had survived.
BOOST_AUTO_TEST_CASE(the_samples_leave_no_member_at_its_default) {
  const auto full = full_sandbox("one");
  auto bare = bare_sandbox("");
  BOOST_TEST(all_differ(members(full), members(bare)));
  BOOST_TEST(all_differ(members(full.record), members(bare.record)));
  BOOST_TEST(all_differ(members(*full.record.spec), members(*bare.record.spec)));
  BOOST_TEST(all_differ(members(*full.record.started), members(Started{})));
  BOOST_TEST(all_differ(members(*full.record.exit), members(Exit{})));
  BOOST_TEST(all_differ(members(std::get<TaskExit>(full.chores.at(1))), members(TaskExit{})));
  BOOST_TEST(all_differ(members(full_event(1)), members(Event{})));
}

BOOST_AUTO_TEST_CASE(every_member_of_a_sandbox_survives) {
  const auto full = full_sandbox("one");
  const auto decoded = round_trip(full);
  BOOST_TEST(same(decoded, full));
  BOOST_TEST(decoded.boot_id == full.boot_id);
}

BOOST_AUTO_TEST_CASE(what_has_not_happened_stays_so) {
  const auto decoded = round_trip(bare_sandbox("one"));
  BOOST_TEST(same(decoded, bare_sandbox("one")));
  BOOST_TEST(!decoded.record.started.has_value());
  BOOST_TEST(!decoded.record.exit.has_value());
  BOOST_TEST(!decoded.record.start_failure.has_value());
  BOOST_TEST(!decoded.due.has_value());
  BOOST_TEST((decoded.record.spec->runtime == RuntimeKind::linux));
}

/// An exit with status 0 at the epoch is one, too.
BOOST_AUTO_TEST_CASE(a_zero_is_not_an_absence) {
  auto sandbox = bare_sandbox("one");
  sandbox.record.started.emplace();
  sandbox.record.exit.emplace();
  sandbox.record.start_failure.emplace();
  sandbox.due.emplace();
  sandbox.chores.emplace_back(TaskExit{});
  BOOST_TEST(same(round_trip(sandbox), sandbox));
}

BOOST_AUTO_TEST_CASE(every_kind_of_error_survives) {
  for (unsigned kind = 0; kind <= static_cast<unsigned>(ErrorKind::unavailable); ++kind) {
    auto sandbox = bare_sandbox("one");
    sandbox.record.start_failure = Error{static_cast<ErrorKind>(kind), "why"};
    BOOST_TEST(same(round_trip(sandbox), sandbox));
  }
}

BOOST_AUTO_TEST_CASE(every_event_survives) {
  for (unsigned kind = 0; kind <= static_cast<unsigned>(EventKind::actor_restarted); ++kind) {
    for (unsigned phase = 0; phase <= static_cast<unsigned>(Phase::gone); ++phase) {
      auto event = full_event(kind + 1);
      event.kind = static_cast<EventKind>(kind);
      event.phase = static_cast<Phase>(phase);
      if (phase == 0) event.exit.reset();
      const auto decoded = journal::decode_event(journal::encode(event).value());
      BOOST_REQUIRE(decoded);
      BOOST_TEST(same(*decoded, event));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_later_version_adds_is_ignored) {
  auto bytes = journal::encode(full_sandbox("one")).value();
  journal::v1::Label later;  // any message, as field 1000
  later.set_key("later");
  bytes += std::string("\xc2\x3e", 2) + static_cast<char>(later.ByteSizeLong()) + later.SerializeAsString();
  const auto decoded = journal::decode_sandbox(bytes);
  BOOST_REQUIRE(decoded);
  BOOST_TEST(same(*decoded, full_sandbox("one")));
}

BOOST_AUTO_TEST_CASE(kinds_that_are_not_known) {
  journal::v1::Event event;
  event.set_sequence(1);
  BOOST_TEST(!journal::decode_event(event.SerializeAsString()));  // no kind at all
  event.set_kind(static_cast<journal::v1::Event::Kind>(99));
  BOOST_TEST(!journal::decode_event(event.SerializeAsString()));
  event.set_kind(journal::v1::Event::EXITED);
  event.set_phase(static_cast<journal::v1::Event::Phase>(99));
  BOOST_TEST((journal::decode_event(event.SerializeAsString())->phase == Phase::unknown));

  journal::v1::Sandbox sandbox;
  sandbox.mutable_start_failure()->set_kind(static_cast<journal::v1::Failure::Kind>(99));
  const auto decoded = journal::decode_sandbox(sandbox.SerializeAsString());
  BOOST_TEST((decoded->record.start_failure->kind == ErrorKind::internal));
  sandbox.mutable_spec()->set_runtime("linux");
  BOOST_TEST(journal::decode_sandbox(sandbox.SerializeAsString()).has_value());
  sandbox.mutable_spec()->set_runtime("later");
  BOOST_TEST(!journal::decode_sandbox(sandbox.SerializeAsString()));
  sandbox.mutable_spec()->clear_runtime();
  sandbox.add_chores();
  BOOST_TEST(!journal::decode_sandbox(sandbox.SerializeAsString()));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_stored_is_refused) {
  BOOST_TEST((journal::encode(StoredSandbox{}).error().kind == ErrorKind::invalid_argument));
  auto large = bare_sandbox("one");
  large.last_error.assign(journal::largest_row, 'x');
  const auto refused = journal::encode(large);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::invalid_argument));
  BOOST_TEST(refused.error().message.find("sandbox one") != std::string::npos);
}

/// Every prefix, and many changes: an error or a value, never more than that.
BOOST_AUTO_TEST_CASE(garbage_is_an_error_and_no_crash) {
  const google::protobuf::LogSilencer silence;
  const auto sandbox = journal::encode(full_sandbox("one")).value();
  const auto event = journal::encode(full_event(1)).value();
  for (std::size_t size = 0; size < sandbox.size(); ++size) {
    (void)journal::decode_sandbox(sandbox.substr(0, size));
    (void)journal::decode_event(event.substr(0, size % event.size()));
  }
  BOOST_TEST((journal::decode_sandbox("\xff\xff\xff").error().kind == ErrorKind::invalid_argument));
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  for (int i = 0; i < 20000; ++i) {
    auto changed = i % 2 == 0 ? sandbox : event;
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    if (auto decoded = journal::decode_sandbox(changed)) (void)journal::encode(*decoded);
    if (auto decoded = journal::decode_event(changed)) (void)journal::encode(*decoded);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
