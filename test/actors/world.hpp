#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/root/root.hpp"
#include "messages/call_desk.hpp"
#include "test/actors/scripted_journal.hpp"
#include "test/actors/scripted_runtime.hpp"

namespace podsandbox::test {

/// What a call came to; empty while it is pending.
template <class Answer>
using Outcome = std::shared_ptr<std::optional<Result<Answer>>>;

/// The whole actor system over two runtimes that the test directs. Nothing happens by itself: `settle`
/// delivers messages until there are none, `advance` moves the clock; both on the test's thread.
class World {
 public:
  explicit World(Settings settings = {}, RestartIntensity intensity = {1000, std::chrono::seconds(1)},
                 std::vector<Companion> companions = {});
  /// One that keeps a journal, over runtimes of an earlier world.
  World(std::shared_ptr<ScriptedJournal> journal, std::shared_ptr<ScriptedRuntime> runtime,
        std::shared_ptr<ScriptedRuntime> other = other_runtime());
  ~World();

  void settle();
  void advance(std::chrono::nanoseconds time);

  /// Runs until `done` says so, letting time pass; false when that takes more than `limit` of it.
  bool settle_until(const std::function<bool()>& done,
                    std::chrono::nanoseconds limit = std::chrono::seconds(5));

  /// Sends a request as a client would; nothing is delivered before `settle`.
  template <class Request>
  Outcome<typename Request::Answer> ask(Request request) {
    using Answer = typename Request::Answer;
    auto outcome = std::make_shared<std::optional<Result<Answer>>>();
    last_call = desk.submit(
        std::move(request),
        std::function<void(Result<Answer>)>([outcome](Result<Answer> r) { *outcome = std::move(r); }));
    return outcome;
  }

  /// Asks and lets things happen until the answer is there.
  template <class Request>
  Result<typename Request::Answer> get(Request request) {
    auto outcome = ask(std::move(request));
    settle_until([&] { return outcome->has_value(); });
    if (!*outcome) return failure(ErrorKind::deadline_exceeded, "the test's call was not answered");
    return **outcome;
  }

  Result<Done> create(const std::string& id, RuntimeKind kind = RuntimeKind::linux) {
    return get(CreateSandbox{spec(id, {}, kind)});
  }
  Result<Started> start(const std::string& id) { return get(StartSandbox{id}); }
  Phase phase(const std::string& id);

  /// Creates and starts it.
  void run(const std::string& id, RuntimeKind kind = RuntimeKind::linux);

  /// Kills an actor between two messages, as a chaos test would.
  void kill(caf::atom_value name);
  void kill_everybody();
  /// All at once, as the end of the process does: nobody says another word.
  void crash();
  void kill_sandbox(const std::string& id);

  /// The kinds of this sandbox's events so far.
  std::vector<EventKind> events(const std::string& id);

  static SpecPtr spec(const std::string& id, const std::string& hostname = {},
                      RuntimeKind kind = RuntimeKind::linux);

  /// One whose pids are not those of the first.
  static std::shared_ptr<ScriptedRuntime> other_runtime() { return std::make_shared<ScriptedRuntime>(5000); }

 private:
  struct Config : caf::actor_system_config {
    Config() { set("scheduler.policy", caf::atom("testing")); }
  };

  void begin(RootSeed seed);

  Config config_;

 public:
  caf::actor_system system{config_};
  caf::scheduler::test_coordinator& scheduler;
  CallDesk desk{system};
  std::shared_ptr<ScriptedRuntime> runtime = std::make_shared<ScriptedRuntime>();  // linux
  std::shared_ptr<ScriptedRuntime> other = other_runtime();                        // containerd
  std::optional<std::string> gave_up;
  RootPort root;
  CallId last_call = 0;
};

}  // namespace podsandbox::test
