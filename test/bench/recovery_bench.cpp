// How soon a daemon that starts again is of use, and what the sandboxes that it knows cost it.

#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "test/bench/at_once.hpp"
#include "test/bench/benchmarks.hpp"
#include "test/bench/process_memory.hpp"
#include "test/bench/restarts.hpp"

namespace podsandbox::bench {

namespace {

constexpr unsigned clients = 4;

struct Measured {
  std::vector<Nanoseconds> first_status, ready, listed, all_statuses;
};

void add(Measured& all, const Recovery& one) {
  all.first_status.push_back(one.first_status);
  all.ready.push_back(one.ready);
  all.listed.push_back(one.listed);
  all.all_statuses.push_back(one.all_statuses);
}

void print(const char* kind, std::size_t count, const Measured& all) {
  std::printf("%-12s %6zu", kind, count);
  for (const auto* samples : {&all.first_status, &all.ready, &all.listed, &all.all_statuses}) {
    const auto measured = quantiles(*samples);
    std::printf(" %9.1f %7.1f", measured.median / 1000, measured.p99 / 1000);
  }
  std::puts("");
}

void end(test::DaemonProcess& daemon) {
  daemon.signal(SIGKILL);
  daemon.wait();
}

Measured restart(test::DaemonProcess& daemon, LogReader& log, const std::vector<std::string>& ids,
                 int rounds) {
  Measured all;
  for (int i = 0; i < rounds; ++i) {
    end(daemon);
    add(all, recover(daemon, log, ids));
  }
  return all;
}

std::uintmax_t size_of_journal(const test::DaemonProcess& daemon) {
  return std::filesystem::file_size(daemon.data_dir() + "/journal.sqlite3");
}

struct Size {
  std::size_t sandboxes;
  double daemon_kib;
  std::uintmax_t journal_bytes;
};

/// Those that have exited and are not removed: nothing but rows.
Size of_rows(std::size_t count, int rounds) {
  LogReader log;
  test::DaemonProcess daemon({.log_fd = log.write_end()});
  const auto stub = daemon.controller();
  test::run(*stub, "first");
  if (!test::stop(*stub, "first").ok()) throw std::runtime_error("Stop failed");
  daemon.signal(SIGTERM);
  daemon.wait();
  log.next_line_with("serving on");
  const auto ids = fill_journal(daemon, count);
  daemon.launch();
  log.next_line_with("serving on");
  print("exited", count, restart(daemon, log, ids, rounds));
  std::this_thread::sleep_for(std::chrono::seconds(2));  // the allocator gives back
  const auto memory = pss(daemon.pid());
  daemon.signal(SIGTERM);  // which also brings the journal into its one file
  daemon.wait();
  return {count, memory, size_of_journal(daemon)};
}

void of_processes(std::size_t count, int rounds) {
  LogReader log;
  test::DaemonProcess daemon({.log_fd = log.write_end()});
  log.next_line_with("serving on");
  const auto stub = daemon.controller();
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back("pod-" + std::to_string(i));
  share_out(count, clients, [&](std::size_t i) { test::run(*stub, ids[i]); });
  print("running", count, restart(daemon, log, ids, rounds));
}

void print_outage(const char* what, const std::vector<Nanoseconds>& samples) {
  const auto measured = quantiles(samples);
  std::printf("%-40s %9.1f %9.1f\n", what, measured.median / 1000, measured.p99 / 1000);
}

void outages(std::size_t count, int rounds) {
  test::DaemonProcess daemon;
  const auto stub = daemon.controller();
  share_out(count, clients, [&](std::size_t i) { test::run(*stub, "pod-" + std::to_string(i)); });
  std::vector<Nanoseconds> killed, ended;
  for (int i = 0; i < rounds; ++i) {
    killed.push_back(outage(daemon, SIGKILL, "pod-0"));
    ended.push_back(outage(daemon, SIGTERM, "pod-0"));
  }
  std::printf("\nWithout service, %zu running, the next daemon started as soon as the last has ended, ms\n",
              count);
  std::puts("                                               p50       p99");
  print_outage("SIGKILL until Status is answered again", killed);
  print_outage("SIGTERM until Status is answered again", ended);
}

}  // namespace

void recovery_bench(Effort effort) {
  const int rounds = effort == Effort::full ? 20 : 3;
  std::puts("A daemon that starts again after SIGKILL, from the start of its process on, ms");
  std::puts("                    first Status         serving         all listed    all Statuses");
  std::puts("sandboxes    count       p50     p99       p50     p99       p50     p99       p50     p99");
  std::vector<Size> sizes;
  for (const std::size_t count : {10U, 500U, 1000U, 10000U}) sizes.push_back(of_rows(count, rounds));
  for (const std::size_t count : {10U, 500U}) of_processes(count, rounds);
  outages(100, rounds);  // NOLINT(readability-magic-numbers)

  std::puts("\nWhat one that has exited costs, beside those of the row before");
  std::puts("sandboxes   daemon's PSS, KiB   each, KiB   journal, KiB   each, bytes");
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto before = i == 0 ? Size{0, sizes[0].daemon_kib, 0} : sizes[i - 1];
    const auto more = static_cast<double>(sizes[i].sandboxes - before.sandboxes);
    std::printf("%9zu %19.0f %11.2f %14ju %13.0f\n", sizes[i].sandboxes, sizes[i].daemon_kib,
                (sizes[i].daemon_kib - before.daemon_kib) / more, sizes[i].journal_bytes / 1024,
                static_cast<double>(sizes[i].journal_bytes - before.journal_bytes) / more);
  }
}

}  // namespace podsandbox::bench
