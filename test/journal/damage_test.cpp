#include <sqlite3.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <random>
#include <sstream>

#include "services/journal/schema.hpp"
#include "services/journal/writer.hpp"
#include "test/journal/flip.hpp"
#include "test/journal/stores.hpp"

/// Files that are not as they were written. Whatever is wrong with them: the journal opens, says so, keeps
/// the file, and believes nothing that was not written.
namespace podsandbox::test {

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(damage)

namespace {

constexpr std::size_t page = 4096;
constexpr int sandboxes_written = 60;
constexpr std::uint64_t events_written = 300;

std::string content_of(const fs::path& file) {
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  return content.str();
}

void put_content(const fs::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

StoredSandbox sandbox(int number) {
  auto sandbox = full_sandbox("pod-" + std::to_string(number));
  sandbox.last_error.assign(static_cast<std::size_t>(number) * 131 % 7000, 'e');
  return sandbox;
}

Event event(std::uint64_t sequence) {
  auto event = full_event(sequence);
  event.at = Time(std::chrono::hours(24 * 365 * 100));  // never too old
  return event;
}

/// What a journal wrote, to be damaged: a file and, if it was not closed, its log.
struct Files {
  std::string database;
  std::string log;

  void put_into(const fs::path& directory) const {
    put_content(file_in(directory), database);
    if (!log.empty()) put_content(directory / "journal.sqlite3-wal", log);
  }
};

Files write_files(bool closed) {
  const TemporaryDirectory home(place_in_memory());
  auto store = open_store(home.path()).store;
  for (int number = 0; number < sandboxes_written; ++number) must_commit(*store, write_of(sandbox(number)));
  for (std::uint64_t n = 1; n <= events_written; ++n) {
    must_commit(*store, {{}, {event(n)}});
    if (n == events_written / 2) store = (store.reset(), open_store(home.path()).store);
  }
  if (closed) store.reset();
  Files files{content_of(file_in(home.path())), {}};
  if (!closed) files.log = content_of(home.path() / "journal.sqlite3-wal");
  return files;
}

/// Why these contents cannot be what was written; empty: they can.
std::string falsehood_in(const journal::Contents& contents) {
  for (const auto& [id, found] : contents.sandboxes) {
    const int number = static_cast<int>(std::strtol(id.substr(4).c_str(), nullptr, 10));
    if (number < 0 || number >= sandboxes_written || !same(found, sandbox(number))) return "sandbox " + id;
    if (found.boot_id != journal::current_boot_id()) return "the boot of sandbox " + id;
  }
  auto next = contents.next_sequence - contents.events.size();
  for (const auto& found : contents.events) {
    if (!same(found, event(next++))) return "event " + std::to_string(found.sequence);
  }
  if (!contents.boot_id.empty() && contents.boot_id != journal::current_boot_id()) return "the boot";
  return {};
}

bool complete(const journal::Contents& contents) {
  return contents.sandboxes.size() == sandboxes_written && contents.events.size() == events_written &&
         contents.next_sequence == events_written + 1 && !contents.boot_id.empty();
}

/// What one damaged journal comes to.
struct Outcome {
  std::string fault;
  std::size_t saved = 0;
  bool noticed = false;
};

std::string fault_after(const fs::path& directory, const journal::Store::Opened& opened) {
  auto expected = opened.contents.sandboxes.size();
  if (!opened.contents.sandboxes.contains("later")) ++expected;
  const journal::Write later{{{"later", bare_sandbox("later")}}, {event(opened.contents.next_sequence)}};
  if (const auto done = opened.store->commit({&later, 1}); !done) return done.error().message;
  const TemporaryDirectory copy(place_in_memory());
  for (const auto& entry : fs::directory_iterator(directory)) fs::copy(entry.path(), copy.path());
  const auto again = journal::Store::open(copy.path(), keep_all);
  if (!again) return again.error().message;
  if (!again->notices.empty()) return "the new journal is damaged: " + again->notices.front();
  if (again->contents.sandboxes.size() != expected) return "the new journal is not complete";
  if (again->contents.next_sequence != opened.contents.next_sequence + 1) return "the numbers do not go on";
  return {};
}

Outcome outcome_of(const Files& damaged, bool log_changed) {
  const TemporaryDirectory home(place_in_memory());
  damaged.put_into(home.path());
  const auto begun = std::chrono::steady_clock::now();
  const auto opened = journal::Store::open(home.path(), keep_all);
  if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(10)) return {"it took too long"};
  if (!opened) return {opened.error().message};
  Outcome outcome{falsehood_in(opened->contents), opened->contents.sandboxes.size(),
                  !opened->notices.empty()};
  if (!outcome.fault.empty()) return outcome;
  if (outcome.noticed != (put_aside_in(home.path()).size() == 1))
    outcome.fault = "a notice without a file, or";
  // A log that ends early is what a power cut leaves: that is not noticed.
  if (!outcome.noticed && !log_changed && !complete(opened->contents)) outcome.fault = "a silent loss";
  if (outcome.fault.empty()) outcome.fault = fault_after(home.path(), *opened);
  return outcome;
}

void damage_one_place(std::string& content, std::mt19937& random) {
  const auto at = random() % content.size();
  const auto page_at = at / page * page;
  const auto page_size = std::min(page, content.size() - page_at);
  const auto other_page = random() % (content.size() / page + 1) * page;
  switch (random() % 7) {
    case 0:
      flip_a_bit(content[at], random);
      break;
    case 1:
      content[at] = static_cast<char>(random());
      break;
    case 2:  // where SQLite's own structures are
      content[page_at + random() % std::min<std::size_t>(page_size, 100)] = static_cast<char>(random());
      break;
    case 3:
      content.replace(page_at, page_size, page_size, '\0');
      break;
    case 4:
      for (std::size_t i = 0; i < page_size; ++i) content[page_at + i] = static_cast<char>(random());
      break;
    case 5:  // written to the wrong place
      content.replace(page_at, page_size, (content + std::string(page, '\0')).substr(other_page, page_size));
      break;
    default:
      content.resize(random() % 2 == 0 ? at : content.size() + at, 'x');
      if (content.empty()) content = "x";
  }
}

/// How many were noticed, and how many sandboxes were saved of each of them on average.
std::pair<std::size_t, std::size_t> damage_at_random(const Files& files, bool in_log, unsigned variants) {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  std::size_t saved = 0;
  std::size_t noticed = 0;
  for (unsigned variant = 0; variant < variants; ++variant) {
    auto damaged = files;
    for (unsigned places = 1 + random() % 3; places > 0; --places) {
      damage_one_place(in_log ? damaged.log : damaged.database, random);
    }
    const auto outcome = outcome_of(damaged, in_log);
    if (!outcome.fault.empty()) BOOST_ERROR("variant " << variant << ": " << outcome.fault);
    if (outcome.noticed) saved += outcome.saved;
    noticed += outcome.noticed ? 1 : 0;
  }
  saved /= std::max<std::size_t>(noticed, 1);
  BOOST_TEST_MESSAGE(noticed << " of " << variants << " were noticed; " << saved << " of "
                             << sandboxes_written << " sandboxes were saved on average");
  return {noticed, saved};
}

/// Carries this out on a closed journal with the rows of `write_files`, and opens it.
journal::Store::Opened open_after(const TemporaryDirectory& home, const std::string& sql) {
  write_files(true).put_into(home.path());
  sqlite3* tool = nullptr;
  BOOST_REQUIRE(sqlite3_open(file_in(home.path()).c_str(), &tool) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_exec(tool, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_close(tool) == SQLITE_OK);
  auto opened = open_store(home.path());
  BOOST_TEST(put_aside_in(home.path()).size() == 1U);
  BOOST_TEST(falsehood_in(opened.contents) == "");
  return opened;
}

}  // namespace

BOOST_AUTO_TEST_CASE(no_database_at_all) {
  for (const std::string& content :
       {std::string("xy"), std::string("not a database, and long enough to be one"), std::string(5000, '\0'),
        std::string(100000, 'x')}) {
    const TemporaryDirectory home;
    put_content(file_in(home.path()), content);
    const auto opened = open_store(home.path());
    BOOST_TEST(opened.contents.sandboxes.empty());
    BOOST_TEST(opened.contents.boot_id.empty());
    BOOST_TEST_REQUIRE(opened.notices.size() == 1U, content.size() << " bytes");
    const auto names = put_aside_in(home.path());
    BOOST_REQUIRE(names.size() == 1U);
    BOOST_TEST(contains(opened.notices.front(), names.front()), opened.notices.front());
    BOOST_TEST(content_of(home.path() / names.front()) == content);
    must_commit(*opened.store, write_of(bare_sandbox("one")));
  }
}

/// A crash before anything was written.
BOOST_AUTO_TEST_CASE(an_empty_file_is_a_new_journal) {
  const TemporaryDirectory home;
  put_content(file_in(home.path()), "");
  BOOST_TEST(contents_of(home.path()).next_sequence == 1U);
}

/// It had contents, so this is no new journal.
BOOST_AUTO_TEST_CASE(a_log_whose_file_is_gone) {
  for (const bool empty : {true, false}) {
    const TemporaryDirectory home;
    write_files(false).put_into(home.path());
    if (empty) {
      put_content(file_in(home.path()), "");
    } else {
      fs::remove(file_in(home.path()));
    }
    const auto opened = open_store(home.path());
    BOOST_TEST(opened.notices.size() == 1U);
    BOOST_TEST(opened.contents.sandboxes.empty());
    BOOST_TEST(opened.contents.next_sequence > 1700000000000000U);
  }
}

BOOST_AUTO_TEST_CASE(a_database_of_somebody_else) {
  const TemporaryDirectory home;
  sqlite3* tool = nullptr;
  BOOST_REQUIRE(sqlite3_open(file_in(home.path()).c_str(), &tool) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_exec(tool, "CREATE TABLE sandboxes (a)", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(tool);
  BOOST_TEST(open_store(home.path()).notices.size() == 1U);
  BOOST_TEST(put_aside_in(home.path()).size() == 1U);
}

BOOST_AUTO_TEST_CASE(one_row_costs_one_sandbox) {
  const TemporaryDirectory home;
  const auto opened = open_after(home, "UPDATE sandboxes SET stored = x'ffff' WHERE id = 'pod-7'");
  BOOST_TEST(opened.contents.sandboxes.size() == sandboxes_written - 1U);
  BOOST_TEST(!opened.contents.sandboxes.contains("pod-7"));
  BOOST_TEST(opened.contents.events.size() == events_written);
  BOOST_REQUIRE(opened.notices.size() == 1U);
  BOOST_TEST(contains(opened.notices.front(), "sandbox \"pod-7\", is lost"), opened.notices.front());
}

/// Its bytes are those of a sandbox: of another one, or changed ones.
BOOST_AUTO_TEST_CASE(a_row_with_other_bytes_is_not_believed) {
  for (const char* sql : {"UPDATE sandboxes SET (stored, sum) = (SELECT stored, sum FROM sandboxes"
                          " WHERE id = 'pod-8') WHERE id = 'pod-7'",
                          "UPDATE sandboxes SET id = 'pod-777' WHERE id = 'pod-7'",
                          "UPDATE sandboxes SET sum = sum + 1 WHERE id = 'pod-7'"}) {
    const TemporaryDirectory home;
    const auto opened = open_after(home, sql);
    BOOST_TEST(opened.contents.sandboxes.size() == sandboxes_written - 1U);
    BOOST_TEST(!opened.contents.sandboxes.contains("pod-7"));
  }
}

/// Watchers go on behind it.
BOOST_AUTO_TEST_CASE(a_lost_event_costs_those_before_it) {
  const TemporaryDirectory home;
  const auto opened = open_after(home, "UPDATE events SET stored = x'00' WHERE sequence = 100");
  BOOST_TEST(opened.contents.events.size() == 200U);
  BOOST_TEST(opened.contents.next_sequence == events_written + 1);
  BOOST_TEST(opened.contents.sandboxes.size() == sandboxes_written + 0U);
}

/// Who has seen event 300, or 301, must never be told of another one under this number.
BOOST_AUTO_TEST_CASE(when_the_newest_event_is_lost_numbers_jump) {
  for (const char* sql : {"UPDATE events SET stored = x'00' WHERE sequence = 300",
                          "UPDATE events SET sequence = 9000000000000000000 WHERE sequence = 300",
                          "UPDATE journal SET first_sequence = 500"}) {
    const TemporaryDirectory home;
    const auto opened = open_after(home, sql);
    BOOST_TEST(opened.contents.events.empty());
    BOOST_TEST(opened.contents.next_sequence > 1700000000000000U);
    BOOST_TEST(opened.contents.next_sequence < 9000000000000000U);
    BOOST_TEST(contains(opened.notices.front(), "the event log begins anew"));
    BOOST_TEST(opened.contents.sandboxes.size() == sandboxes_written + 0U);
  }
}

/// The numbers go on after the next restart, too, when nothing was written in between.
BOOST_AUTO_TEST_CASE(the_jump_is_durable) {
  const TemporaryDirectory home;
  put_content(file_in(home.path()), "not a database");
  const auto next = open_store(home.path()).contents.next_sequence;
  BOOST_TEST(next > 1700000000000000U);
  BOOST_TEST(contents_of(home.path()).next_sequence == next);
  must_commit(*open_store(home.path()).store, write_of(bare_sandbox("one")));
  BOOST_TEST(contents_of(home.path()).next_sequence == next);
}

/// The sandboxes that were saved have not been compared with this boot.
BOOST_AUTO_TEST_CASE(what_is_saved_keeps_its_boot) {
  const TemporaryDirectory home;
  {
    auto database = journal::Database::open(file_in(home.path()));
    BOOST_REQUIRE(database);
    BOOST_REQUIRE(journal::migrate(*database, journal::migrations()));
    const auto write = write_of(full_sandbox("one"));
    BOOST_REQUIRE(
        journal::Writer::prepare(*database)->write(*journal::rows_of({&write, 1}, "an earlier boot")));
    BOOST_REQUIRE(database->execute("UPDATE journal SET boot_id = 'not what was written'"));
  }
  BOOST_TEST(open_store(home.path()).notices.size() == 1U);
  const auto contents = contents_of(home.path());
  BOOST_TEST(contents.boot_id == "");  // nobody knows
  BOOST_TEST(contents.sandboxes.at("one").boot_id == "an earlier boot");
}

/// SQLite would not find the sandbox under its id, and make a second row for it.
BOOST_AUTO_TEST_CASE(an_index_that_lies_is_damage) {
  const TemporaryDirectory home;
  auto files = write_files(true);
  files.put_into(home.path());
  const auto root =
      journal::Database::open(file_in(home.path()))
          ->number("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_sandboxes_1'");
  const auto place = files.database.find("pod-7", page * static_cast<std::size_t>(root.value() - 1));
  files.database[place + 4] = 'x';
  files.put_into(home.path());
  const auto opened = open_store(home.path());
  BOOST_TEST(opened.notices.size() == 1U);
  BOOST_TEST(opened.contents.sandboxes.size() == sandboxes_written + 0U);
}

BOOST_AUTO_TEST_CASE(several_in_one_second_are_all_kept) {
  const TemporaryDirectory home;
  for (int i = 0; i < 3; ++i) {
    put_content(file_in(home.path()), "not a database");
    open_store(home.path());
  }
  BOOST_TEST(put_aside_in(home.path()).size() == 3U);
}

BOOST_AUTO_TEST_CASE(random_places_of_a_closed_file) {
  const auto [noticed, saved] = damage_at_random(write_files(true), false, 600);
  BOOST_TEST(noticed > 500U);  // the others are in places that nobody reads
  BOOST_TEST(saved > 40U);
}

BOOST_AUTO_TEST_CASE(random_places_of_an_open_file) {
  const auto [noticed, saved] = damage_at_random(write_files(false), false, 300);
  BOOST_TEST(noticed > 200U);
  BOOST_TEST(saved > 40U);
}

/// A log ends where it is damaged: as after a power cut, what is left is what had been written once.
BOOST_AUTO_TEST_CASE(random_places_of_the_log) {
  BOOST_TEST(damage_at_random(write_files(false), true, 300).first == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
