#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>
#include <thread>

#include "test/crash/row.hpp"
#include "test/integration/test_seed.hpp"

/// The daemon is killed at every point of a sandbox's life, and what it had told its clients holds. Which
/// points there are it tells itself: one run writes down the failpoints that it passes
/// (messages/failpoint.hpp).
namespace podsandbox::test {

namespace {

const std::vector<Story> stories{
    {.name = "life",
     .steps = {Step::create, Step::start, Step::see_ready, Step::stop, Step::see_exit, Step::shutdown}},
    {.name = "death",
     .steps = {Step::create, Step::start, Step::kill_process, Step::see_exit, Step::stop, Step::shutdown},
     .killed_from = 2},
    {.name = "gentle end",
     .steps = {Step::create, Step::start, Step::stop_gently, Step::see_exit, Step::shutdown},
     .exit_status = 0,
     .killed_from = 2},
    {.name = "removal", .steps = {Step::create, Step::start, Step::shutdown}, .killed_from = 2},
    {.name = "death while the daemon is away",
     .steps = {Step::create, Step::start, Step::see_ready, Step::see_exit, Step::shutdown},
     .killed_from = 1,
     .killed_before = 3,
     .dies_while_away = true},
    {.name = "life with a shim",
     .steps = {Step::create, Step::start, Step::use_shim, Step::stop, Step::see_exit, Step::shutdown},
     .killed_from = 1,
     .has_shim = true},
    {.name = "impossible start",
     .steps = {Step::create, Step::start, Step::shutdown},
     .killed_from = 1,
     .cannot_start = true},
};

const std::vector<Story>& stories_here() {
  static const std::vector<Story> here = [] {
    auto all = stories;
    if (!make_site()->has_shims()) std::erase_if(all, [](const auto& story) { return story.has_shim; });
    return all;
  }();
  return here;
}

struct Plan {
  const Story* story;
  std::vector<std::optional<Pass>> kills;

  std::string text() const {
    std::string text = story->name;
    for (const auto& kill : kills) text += ", killed at " + (kill ? kill->text() : "the end");
    return text;
  }
};

class Matrix {
 public:
  void add(Plan plan) { plans_.push_back(std::move(plan)); }

  /// Runs all rows, some at a time.
  void run() {
    take_sample();
    const auto workers = 2 * std::thread::hardware_concurrency();  // they mostly wait
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
    for (auto& thread : threads) thread.join();
    for (const auto& fault : faults_) BOOST_ERROR(fault);
    BOOST_TEST_MESSAGE(as_planned_ << " of " << plans_.size() << " were killed where they were to be");
    // In which order threads come by is not the same in every run; but nearly so.
    BOOST_TEST(as_planned_ > plans_.size() * 9 / 10);
  }

 private:
  /// As many as the environment says; 0, or when it says nothing: all.
  void take_sample() {
    const char* rows =
        std::getenv("PODSANDBOX_CRASH_ROWS");  // NOLINT(concurrency-mt-unsafe): nobody sets one
    const auto wanted = rows == nullptr ? 0 : std::strtoul(rows, nullptr, 10);
    if (wanted == 0 || wanted >= plans_.size()) return;
    const auto seed = test_seed();
    BOOST_TEST_MESSAGE(wanted << " of " << plans_.size() << " rows, by PODSANDBOX_TEST_SEED=" << seed);
    std::shuffle(plans_.begin(), plans_.end(), std::mt19937_64(seed));
    plans_.resize(wanted);
  }

  void work() {
    for (std::size_t i = next_++; i < plans_.size(); i = next_++) {
      Row row(*plans_[i].story, plans_[i].kills);
      row.run();
      if (row.as_planned()) ++as_planned_;
      const std::lock_guard lock(mutex_);
      for (const auto& fault : row.faults()) faults_.push_back(plans_[i].text() + ": " + fault);
    }
  }

  std::vector<Plan> plans_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> as_planned_ = 0;
  std::mutex mutex_;
  std::vector<std::string> faults_;
};

/// The passes of the daemon that follows after these kills.
std::vector<Pass> passes_after(const Story& story, std::vector<std::optional<Pass>> kills) {
  kills.emplace_back();
  Row row(story, std::move(kills));
  row.run();
  for (const auto& fault : row.faults()) BOOST_ERROR(story.name + ": " + fault);
  return row.passes();
}

std::string content(const std::string& program) {
  std::ifstream file(std::filesystem::path(PODSANDBOX_BIN) / program);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(crash_matrix)

BOOST_AUTO_TEST_CASE(what_is_shipped_cannot_be_told_to_fail) {
  BOOST_TEST(content("podsandboxd").find("PODSANDBOX_FAILPOINT") == std::string::npos);
  BOOST_TEST(content("podsandboxd-failpoints").find("PODSANDBOX_FAILPOINT") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(killed_everywhere) {
  Matrix matrix;
  for (const auto& story : stories_here()) {
    const auto passes = passes_after(story, {});
    BOOST_TEST_MESSAGE(story.name << ": " << passes.size() << " points");
    BOOST_TEST(passes.size() > 10U);
    for (const auto& pass : passes) matrix.add({&story, {pass}});
  }
  matrix.run();
}

/// A sample: of each story some points, and of what the daemon passes that recovers from there every
/// so-many-th.
BOOST_AUTO_TEST_CASE(killed_again_in_recovery) {
  constexpr std::size_t first_kills = 3;
  constexpr std::size_t stride = 5;
  Matrix matrix;
  for (const auto& story : stories_here()) {
    const auto passes = passes_after(story, {});
    for (std::size_t i = 0; i < first_kills; ++i) {
      const auto first = passes[(2 * i + 1) * passes.size() / (2 * first_kills)];
      const auto in_recovery = passes_after(story, {first});
      BOOST_TEST(!in_recovery.empty());
      for (std::size_t j = i; j < in_recovery.size(); j += stride)
        matrix.add({&story, {first, in_recovery[j]}});
    }
  }
  matrix.run();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
