// What the journal does in a second, and what it adds to a start and to the delivery of an exit: a daemon
// with its data in memory beside one whose data are on a disk.

#include <array>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "proto/cri.pb.h"
#include "services/journal/journal_actor.hpp"
#include "services/journal/store.hpp"
#include "test/bench/at_once.hpp"
#include "test/bench/benchmarks.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/waits.hpp"

namespace podsandbox::bench {

namespace {

/// A directory of our own there, removed again.
class Place {
 public:
  Place(std::string place, const std::string& parent) : name(std::move(place)) {
    std::string pattern = parent + "/podsandbox-bench-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory in " + parent);
    path = pattern;
  }
  ~Place() { std::filesystem::remove_all(path); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  const std::string name;
  std::string path;
};

/// A sandbox and an event of a usual size.
journal::Write write_of(const std::string& id, std::uint64_t sequence) {
  constexpr std::size_t usual_spec = 4096;  // of an OCI runtime spec, as JSON
  auto spec = std::make_shared<SandboxSpec>();
  spec->id = id;
  spec->config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  StoredSandbox sandbox;
  sandbox.record.spec = std::move(spec);
  sandbox.record.started = Started{42, 4711, {}, {}, {"spec", std::string(usual_spec, 's')}, {}, 0, {}, {}};
  Event event;
  event.sequence = sequence;
  event.at = std::chrono::system_clock::now();
  event.sandbox_id = id;
  return {{{id, sandbox}}, {event}};
}

void print_commits(const Place& place, unsigned writers, std::size_t writes) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system(config);
  const auto opened = journal::Store::open(place.path + "/journal-" + std::to_string(writers), {});
  if (!opened) throw std::runtime_error(opened.error().message);
  const auto journal = journal::spawn_journal(system, opened->store);
  std::vector<std::vector<Nanoseconds>> samples(writers);
  std::atomic<std::uint64_t> sequence = 0;
  const auto took = at_once(writers, [&](unsigned writer) {
    caf::scoped_actor self(system);
    for (std::size_t i = 0; i < writes / writers; ++i) {
      const auto began = Clock::now();
      self->request(journal, caf::infinite, write_of("pod-" + std::to_string(writer), ++sequence))
          .receive(
              [](const Result<Done>& done) {
                if (!done) throw std::runtime_error(done.error().message);
              },
              [](const caf::error&) { throw std::runtime_error("the journal's actor died"); });
      samples[writer].push_back(Clock::now() - began);
    }
  });
  caf::anon_send_exit(journal, caf::exit_reason::user_shutdown);
  std::vector<Nanoseconds> all;
  for (const auto& of_one : samples) append(all, of_one);
  const auto measured = quantiles(all);
  std::printf("%-8s %7u %11.0f %9.0f %9.0f\n", place.name.c_str(), writers,
              static_cast<double>(all.size()) / std::chrono::duration<double>(took).count(), measured.median,
              measured.p99);
}

/// A daemon whose data are there, and what was measured of it.
struct Side {
  explicit Side(const Place& place)
      : name(place.name),
        daemon({.data_dir = place.path + "/data"}),
        stub(daemon.controller()),
        waits(daemon.channel()) {}

  const std::string name;
  test::DaemonProcess daemon;
  std::unique_ptr<test::controller::Controller::Stub> stub;
  test::Waits waits;
  std::size_t waited = 0;
  std::vector<Nanoseconds> creates{}, starts{}, exits{}, removals{};
};

template <class Work>
void measure(std::vector<Nanoseconds>& samples, Work work) {
  const auto began = Clock::now();
  work();
  samples.push_back(Clock::now() - began);
}

void check(const grpc::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

/// From the first call to the last.
void one_life(Side& side, const std::string& id) {
  measure(side.creates, [&] { check(test::create(*side.stub, id)); });
  std::uint32_t pid = 0;
  measure(side.starts, [&] { pid = test::start(*side.stub, id); });
  const auto& wait = side.waits.open(id);
  test::state(*side.stub, id);  // so that the Wait has arrived, most probably
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  measure(side.exits, [&] {
    kill(static_cast<pid_t>(pid), SIGKILL);
    if (!side.waits.settled(++side.waited)) throw std::runtime_error("Wait was not answered");
  });
  if (wait.response.exit_status() != 128 + SIGKILL) throw std::runtime_error("a wrong exit");
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // its cleanup is not the next step's delay
  measure(side.removals, [&] { check(test::shutdown(*side.stub, id)); });
}

void print_step(const char* step, const std::string& side, const std::vector<Nanoseconds>& samples) {
  const auto measured = quantiles(samples);
  std::printf("%-30s %-8s %9.0f %9.0f\n", step, side.c_str(), measured.median, measured.p99);
}

}  // namespace

void journal_bench(Effort effort) {
  const bool full = effort == Effort::full;
  const Place memory("tmpfs", "/dev/shm");
  const Place disk("disk", "/var/tmp");
  std::puts("Durable writes of one sandbox and one event, each writer waiting for its answer");
  std::puts("where    writers    writes/s    p50 us    p99 us");
  for (const unsigned writers : {1U, 8U, 64U}) {
    for (const auto* place : {&memory, &disk}) print_commits(*place, writers, full ? 6400 : 640);
  }

  std::array<Side, 2> sides{Side(memory), Side(disk)};
  const int lives = full ? 500 : 50;
  for (int i = 0; i < lives; ++i) {
    for (unsigned j = 0; j < sides.size(); ++j) {
      one_life(sides[(static_cast<unsigned>(i) + j) % sides.size()], "pod-" + std::to_string(i));
    }
  }
  std::printf("\nOne life after the other (%d), the daemon's data in memory and on the disk\n", lives);
  std::puts("step                           data in     p50 us    p99 us");
  for (const auto& [step, samples] : {std::pair("Create", &Side::creates), std::pair("Start", &Side::starts),
                                      std::pair("kill until Wait is answered", &Side::exits),
                                      std::pair("Shutdown of a dead one", &Side::removals)}) {
    for (const auto& side : sides) print_step(step, side.name, side.*samples);
  }
}

}  // namespace podsandbox::bench
