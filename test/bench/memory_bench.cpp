// What an idle sandbox costs in memory.

#include <grpcpp/channel.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "test/bench/at_once.hpp"
#include "test/bench/benchmarks.hpp"
#include "test/bench/process_memory.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/waits.hpp"

namespace podsandbox::bench {

namespace {

constexpr std::size_t sandboxes = 500;
constexpr unsigned clients = 8;

double rss(pid_t pid) {
  return kib("/proc/" + std::to_string(pid) + "/smaps_rollup", {"Rss"});
}

/// Of the whole machine, so other programs are in it too.
double kernel_memory() {
  return kib("/proc/meminfo", {"Slab", "Percpu", "KernelStack", "PageTables"});
}

pid_t parent_of(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string skipped;
  pid_t parent = -1;
  stat >> skipped >> skipped >> skipped >> parent;  // our programs' names have no spaces
  return parent;
}

std::string id_of(std::size_t i) {
  return "pod-" + std::to_string(i);
}

std::vector<pid_t> run_all(const test::DaemonProcess& daemon, std::size_t count) {
  std::vector<pid_t> pids(count);
  const auto stub = daemon.controller();
  share_out(count, clients, [&](std::size_t i) { pids[i] = static_cast<pid_t>(test::run(*stub, id_of(i))); });
  return pids;
}

struct Use {
  double daemon;
  double keeper;
  double kernel;
};

Use now(const test::DaemonProcess& daemon, pid_t keeper) {
  return {pss(daemon.pid()), pss(keeper), kernel_memory()};
}

/// Runs some and removes them again: what the first ones of all cost is no other's cost. Returns the keeper.
pid_t warm_up(const test::DaemonProcess& daemon) {
  constexpr std::size_t few = 50;
  const auto pids = run_all(daemon, few);
  const pid_t keeper = parent_of(pids.front());
  const auto stub = daemon.controller();
  for (std::size_t i = 0; i < few; ++i) (void)test::shutdown(*stub, id_of(i));
  return keeper;
}

/// Until the allocator has given back what only the calls needed: it does after ten seconds, when there is
/// something to do.
void settle(const test::DaemonProcess& daemon, Effort effort) {
  const auto stub = daemon.controller();
  for (int i = 0; i < (effort == Effort::full ? 12 : 1); ++i) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    for (int j = 0; j < 100; ++j) test::state(*stub, id_of(0));
  }
}

double share(double before, double after) {
  return (after - before) / static_cast<double>(sandboxes);
}

void print(const char* what, double value) {
  std::printf("%-66s %8.1f\n", what, value);
}

}  // namespace

void memory_bench(Effort effort) {
  test::DaemonProcess daemon;
  const pid_t keeper = warm_up(daemon);
  settle(daemon, effort);
  const auto before = now(daemon, keeper);
  const auto pids = run_all(daemon, sandboxes);
  settle(daemon, effort);
  const auto after = now(daemon, keeper);
  double pause_pss = 0, pause_rss = 0;
  for (const pid_t pid : pids) {
    pause_pss += pss(pid);
    pause_rss += rss(pid);
  }
  test::Waits waits(daemon.channel());
  for (std::size_t i = 0; i < sandboxes; ++i) waits.open(id_of(i));
  settle(daemon, effort);
  const double with_waits = pss(daemon.pid());

  std::printf("Memory of an idle sandbox, one of %zu, KiB\n", sandboxes);
  print("daemon: growth of its PSS per sandbox", share(before.daemon, after.daemon));
  print("daemon: the same with a Wait open on each, as containerd holds it",
        share(before.daemon, with_waits));
  print("keeper: growth of its PSS per sandbox", share(before.keeper, after.keeper));
  print("pause: PSS (mean)", share(0, pause_pss));
  print("pause: RSS (mean)", share(0, pause_rss));
  print("kernel: growth of slabs, per-CPU, stacks and page tables, roughly",
        share(before.kernel, after.kernel));
  std::printf("(before: daemon %.0f KiB, keeper %.0f KiB PSS)\n", before.daemon, before.keeper);
}

}  // namespace podsandbox::bench
