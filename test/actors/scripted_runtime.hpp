#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "messages/runtime_port.hpp"

namespace podsandbox::test {

/// A runtime without processes: what it "has" outlives its actor, as real processes do. The test decides
/// what fails and what hangs.
class ScriptedRuntime : public std::enable_shared_from_this<ScriptedRuntime> {
 public:
  explicit ScriptedRuntime(std::uint32_t last_pid = 1000) : last_pid_(last_pid) {}

  RuntimePort spawn(caf::actor_system& system);

  // -- what the test says ----------------------------------------------------
  std::map<std::string, std::deque<Error>> start_errors, kill_errors, cleanup_errors, inspect_errors,
      recall_errors, list_errors;                  // one for each attempt; list_errors[""]
  std::set<std::string> hang_start, hang_cleanup;  // these are not answered
  bool hang_list = false;                          // no inventory is answered
  std::set<std::string> ended;                     // how the process did, is still being found out
  bool exits_on_kill = true;                       // any signal ends the process

  /// The process of this sandbox ends, seen by the runtime or not.
  void process_exits(const std::string& id, std::uint32_t status, bool seen = true);

  /// The process is gone and the runtime knows nothing of it.
  void process_vanishes(const std::string& id) { processes.erase(id); }

  // -- what the test sees ----------------------------------------------------
  std::map<std::string, runtime::Process> processes;
  std::map<std::string, SpecPtr> specs;  // of what is not wholly cleaned up
  std::set<std::string> remains;
  std::vector<std::string> log;  // "start a", "kill a 9", "clean task a", …
  std::size_t count(const std::string& entry) const;

 private:
  struct Handlers;
  Result<runtime::Holdings> list();
  Result<Started> start(const runtime::Start& op);
  Result<Done> kill(const runtime::Kill& op);
  Result<Done> cleanup(const runtime::Cleanup& op);

  std::optional<runtime::ExitSubscriber> subscriber_;
  std::uint32_t last_pid_;
};

}  // namespace podsandbox::test
