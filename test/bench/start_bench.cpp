// What a start takes on the linux runtime, in this process and through the daemon, beside what the kernel
// needs for the same process with the same namespaces.

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "test/bench/benchmarks.hpp"
#include "test/bench/quantiles.hpp"
#include "test/bench/start_ways.hpp"

namespace podsandbox::bench {

namespace {

constexpr unsigned crowd = 8;

/// Between starts, so that none waits for what the kernel still does for the one before: a start waits for
/// grace periods of RCU.
constexpr auto rest = std::chrono::milliseconds(20);

struct Way {
  const char* name;
  std::unique_ptr<StartWay> way;
  std::vector<Nanoseconds> samples{};
};

using Ways = std::array<Way, 3>;

Ways make_ways() {
  // The smallest first: what is cloned from this process must not weigh what the others add to it.
  auto bare = bare_start();
  auto daemon = daemon_start(crowd);
  return {{{"clone3 + pause", std::move(bare)},
           {"LinuxRuntime", runtime_start()},
           {"Start by gRPC", std::move(daemon)}}};
}

// All run on until the figures are taken, so that no removal of namespaces, which the kernel does when it
// likes, is in them.
void measure(Ways& ways, unsigned at_once, unsigned rounds) {
  for (auto& way : ways) way.way->start(at_once);  // warms it up
  for (auto& way : ways) way.samples.clear();
  for (unsigned i = 0; i < rounds; ++i) {
    for (unsigned j = 0; j < ways.size(); ++j) {
      auto& way = ways[(i + j) % ways.size()];
      std::this_thread::sleep_for(rest);
      append(way.samples, way.way->start(at_once));
    }
  }
  for (auto& way : ways) way.way->end_all();
}

void print(const Ways& ways, unsigned at_once) {
  const auto floor = quantiles(ways[0].samples);
  for (const auto& way : ways) {
    const auto measured = quantiles(way.samples);
    std::printf("%7u  %-16s %9.0f %9.0f %8.2f %8.2f\n", at_once, way.name, measured.median, measured.p99,
                measured.median / floor.median, measured.p99 / floor.p99);
  }
}

}  // namespace

void start_bench(Effort effort) {
  const unsigned samples = effort == Effort::full ? 400 : 80;
  auto ways = make_ways();
  std::puts(
      "A start until its pause process is set up (each from the moment when all of a crowd are asked for)");
  std::puts("at once  by                  p50 us    p99 us   against clone3");
  for (const unsigned at_once : {1U, crowd}) {
    measure(ways, at_once, samples / at_once);
    print(ways, at_once);
    std::this_thread::sleep_for(std::chrono::seconds(1));  // the kernel's removal of namespaces
  }
}

}  // namespace podsandbox::bench
