#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/journal/store.hpp"
#include "test/journal/directories.hpp"
#include "test/journal/samples.hpp"

/// Short ways to use a journal in a test.
namespace podsandbox::test {

inline const auto keep_all = journal::Limits{1000000, std::chrono::hours(24)};

/// Fails the test when it cannot be opened.
inline journal::Store::Opened open_store(const std::filesystem::path& directory,
                                         const journal::Limits& limits = keep_all) {
  auto opened = journal::Store::open(directory, limits);
  if (!opened) BOOST_FAIL(opened.error().message);
  return *std::move(opened);
}

/// What a new process would find. The store of an old one must be gone.
inline journal::Contents contents_of(const std::filesystem::path& directory,
                                     const journal::Limits& limits = keep_all) {
  auto opened = open_store(directory, limits);
  for (const auto& notice : opened.notices) BOOST_ERROR("unexpected notice: " + notice);
  return std::move(opened.contents);
}

inline journal::Write write_of(const StoredSandbox& sandbox, std::vector<Event> events = {}) {
  return {{{sandbox.record.spec->id, sandbox}}, std::move(events)};
}

inline Result<Done> commit(journal::Store& store, const journal::Write& write) {
  return store.commit({&write, 1});
}

/// Fails the test when it fails.
inline void must_commit(journal::Store& store, const journal::Write& write) {
  const auto done = commit(store, write);
  if (!done) BOOST_FAIL(done.error().message);
}

inline std::filesystem::path file_in(const std::filesystem::path& directory) {
  return directory / "journal.sqlite3";
}

/// The names of journals that were put aside.
inline std::vector<std::string> put_aside_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("journal.sqlite3.damaged-") && !name.ends_with("-wal")) names.push_back(name);
  }
  return names;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace podsandbox::test
