#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <optional>

#include "test/linux/eventually.hpp"
#include "test/linux/raw_keeper.hpp"
#include "test/linux/runtime_home.hpp"

namespace podsandbox::test {

inline std::size_t open_files(int pid) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& fd :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    ++count;
  }
  return count;
}

/// A keeper of its own, spoken to directly.
struct Keeper {
  Keeper()
      : prepared(std::filesystem::create_directory(home.settings().state_dir)), keeper(home.settings()) {}

  int pid() const {
    const auto keepers = home.keepers();
    return keepers.size() == 1 ? keepers.front() : -1;
  }
  bool is_gone() const {
    return eventually([this] { return home.keepers().empty(); });
  }
  /// That it serves, and has what it had.
  void expect_unharmed() {
    std::optional<linux_runtime::KeeperAnswer>
        kept;  // not at once: it may not have noticed yet that others have gone
    eventually([&] {
      keeper.reconnect();
      kept = keeper.look("kept");
      return kept && open_files(pid()) == files_when_kept;
    });
    BOOST_TEST_REQUIRE(kept.has_value());
    BOOST_TEST(kept->reply.state == linux_runtime::keeper_running);
    BOOST_TEST(open_files(pid()) == files_when_kept);
  }
  void keep_one() {
    BOOST_TEST_REQUIRE(keeper.spawn("kept").has_value());
    files_when_kept = open_files(pid());
  }

  RuntimeHome home;
  bool prepared;
  RawKeeper keeper;
  std::size_t files_when_kept = 0;
};

}  // namespace podsandbox::test
