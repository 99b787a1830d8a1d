#include "services/journal/schema.hpp"

#include <boost/test/unit_test.hpp>

#include "test/journal/stores.hpp"

/// Files of earlier and of later versions.
namespace podsandbox::test {

using journal::Database;

BOOST_AUTO_TEST_SUITE(schema)

namespace {

Result<Done> make_version_3(Database& database) {
  return database.execute("ALTER TABLE events ADD COLUMN colour TEXT; UPDATE events SET colour = 'red'");
}

Result<Done> fail_halfway(Database& database) {
  return database.execute("DELETE FROM events; CREATE TABLE half (a); INSERT INTO nothing VALUES (1)");
}

Database open_file(const TemporaryDirectory& home) {
  auto database = Database::open(file_in(home.path()));
  BOOST_REQUIRE(database);
  return *std::move(database);
}

std::int64_t number(Database& database, const std::string& sql) {
  const auto number = database.number(sql);
  BOOST_REQUIRE(number);
  return *number;
}

void make_newer(const TemporaryDirectory& home) {
  auto database = open_file(home);
  BOOST_REQUIRE(database.execute("UPDATE journal SET schema_version = 7; PRAGMA user_version = 7"));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_new_file_gets_the_newest_version) {
  const TemporaryDirectory home;
  open_store(home.path());
  auto database = open_file(home);
  BOOST_TEST(number(database, "PRAGMA user_version") == 2);
  BOOST_TEST(number(database, "PRAGMA auto_vacuum") == 2);
}

BOOST_AUTO_TEST_CASE(an_older_file_is_migrated_step_by_step) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store, {{}, {recent_event(1)}});
  auto database = open_file(home);
  const journal::Migration steps[] = {journal::migrations()[0], journal::migrations()[1], make_version_3};
  BOOST_REQUIRE(journal::migrate(database, steps));
  BOOST_TEST(number(database, "PRAGMA user_version") == 3);
  BOOST_TEST(number(database, "SELECT schema_version FROM journal") == 3);
  BOOST_TEST(number(database, "SELECT count(*) FROM events WHERE colour = 'red'") == 1);
  BOOST_REQUIRE(journal::migrate(database, steps));  // nothing is left to do
}

/// One of the version before there was a second runtime.
BOOST_AUTO_TEST_CASE(a_file_of_version_1_is_read_and_refused_by_it_from_then_on) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store, write_of(bare_sandbox("one")));
  BOOST_REQUIRE(open_file(home).execute("UPDATE journal SET schema_version = 1; PRAGMA user_version = 1"));
  {
    const auto opened = open_store(home.path());
    BOOST_TEST(opened.notices.empty());
    BOOST_TEST((opened.contents.sandboxes.at("one").record.spec->runtime == RuntimeKind::linux));
  }
  auto database = open_file(home);
  BOOST_TEST(number(database, "PRAGMA user_version") == 2);
  const journal::Migration steps[] = {journal::migrations()[0]};
  BOOST_TEST(!journal::migrate(database, steps));
}

/// From nothing, all steps are made.
BOOST_AUTO_TEST_CASE(an_empty_file_goes_through_all_versions) {
  const TemporaryDirectory home;
  auto database = open_file(home);
  const journal::Migration steps[] = {journal::migrations()[0], journal::migrations()[1], make_version_3};
  BOOST_REQUIRE(journal::migrate(database, steps));
  BOOST_TEST(number(database, "PRAGMA user_version") == 3);
}

BOOST_AUTO_TEST_CASE(a_migration_that_fails_changes_nothing) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store, {{}, {recent_event(1)}});
  auto database = open_file(home);
  const journal::Migration steps[] = {journal::migrations()[0], journal::migrations()[1], fail_halfway};
  BOOST_TEST(!journal::migrate(database, steps));
  BOOST_TEST(number(database, "PRAGMA user_version") == 2);
  BOOST_TEST(number(database, "SELECT count(*) FROM events") == 1);
  BOOST_TEST(number(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == 0);
}

BOOST_AUTO_TEST_CASE(a_newer_file_is_refused_and_left_alone) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store, write_of(full_sandbox("one")));
  make_newer(home);
  const auto refused = journal::Store::open(home.path(), keep_all);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::failed_precondition));
  const auto& text = refused.error().message;
  BOOST_TEST(contains(text, file_in(home.path()).string()), text);
  BOOST_TEST(contains(text, "schema version 7"), text);
  BOOST_TEST(contains(text, "versions up to 2"), text);
  BOOST_TEST(contains(text, "run a podsandboxd that knows it"), text);
  BOOST_TEST(put_aside_in(home.path()).empty());
  auto database = open_file(home);
  BOOST_TEST(number(database, "SELECT count(*) FROM sandboxes") == 1);
}

/// Then the header is damaged: that must not keep the daemon from starting.
BOOST_AUTO_TEST_CASE(a_version_that_contradicts_itself_is_damage) {
  const TemporaryDirectory home;
  must_commit(*open_store(home.path()).store, write_of(full_sandbox("one")));
  BOOST_REQUIRE(open_file(home).execute("PRAGMA user_version = 7"));
  const auto opened = open_store(home.path());
  BOOST_TEST(opened.notices.size() == 1U);
  BOOST_TEST(opened.contents.sandboxes.size() == 1U);
  BOOST_TEST(put_aside_in(home.path()).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
