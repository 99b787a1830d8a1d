#include "test/actors/scripted_runtime.hpp"

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace podsandbox::test {

namespace {

/// Promises that are never kept; they die with the actor, as those of a real runtime's actor do.
struct Hung {
  std::vector<caf::typed_response_promise<Result<Started>>> starts;
  std::vector<caf::typed_response_promise<Result<Done>>> cleanups;
  std::vector<caf::typed_response_promise<Result<runtime::Holdings>>> lists;
};

std::optional<Error> next_error(std::map<std::string, std::deque<Error>>& errors, const std::string& id) {
  auto& queue = errors[id];
  if (queue.empty()) return {};
  auto error = std::move(queue.front());
  queue.pop_front();
  return error;
}

}  // namespace

RuntimePort ScriptedRuntime::spawn(caf::actor_system& system) {
  using Self = RuntimePort::stateful_pointer<Hung>;
  return system.spawn([world = shared_from_this()](Self self) -> RuntimePort::behavior_type {
    return {
        [=](const runtime::Start& op) -> caf::result<Result<Started>> {
          if (world->hang_start.contains(op.spec->id)) {
            world->log.push_back("start " + op.spec->id);
            self->state.starts.push_back(self->make_response_promise<Result<Started>>());
            return self->state.starts.back();
          }
          return world->start(op);
        },
        [=](const runtime::Kill& op) { return world->kill(op); },
        [=](const runtime::Cleanup& op) -> caf::result<Result<Done>> {
          if (world->hang_cleanup.contains(op.id)) {
            world->log.push_back("clean " + op.id);
            self->state.cleanups.push_back(self->make_response_promise<Result<Done>>());
            return self->state.cleanups.back();
          }
          return world->cleanup(op);
        },
        [=](const runtime::Inspect& op) -> Result<runtime::Process> {
          if (auto error = next_error(world->inspect_errors, op.id)) return tl::unexpected<Error>(*error);
          if (world->ended.contains(op.id)) return failure(ErrorKind::unavailable, "not known yet");
          const auto it = world->processes.find(op.id);
          if (it == world->processes.end()) return failure(ErrorKind::not_found, "no such process");
          return it->second;
        },
        [=](const runtime::ListAll&) -> caf::result<Result<runtime::Holdings>> {
          if (world->hang_list) {
            self->state.lists.push_back(self->make_response_promise<Result<runtime::Holdings>>());
            return self->state.lists.back();
          }
          return world->list();
        },
        [=](const runtime::Recall& op) -> Result<SpecPtr> {
          if (auto error = next_error(world->recall_errors, op.id)) return tl::unexpected<Error>(*error);
          const auto it = world->specs.find(op.id);
          if (it == world->specs.end()) return failure(ErrorKind::not_found, "no such sandbox");
          return it->second;
        },
        [=](const runtime::ReadMetrics& op) -> Result<Payload> {
          return failure(ErrorKind::failed_precondition, "sandbox " + op.id + " has no cgroup");
        },
        [=](const runtime::Subscribe& op) {
          world->subscriber_ = op.to;
          for (const auto& [id, process] : world->processes) {
            if (process.exit) self->send(op.to, runtime::Exited{process});
          }
        },
    };
  });
}

Result<runtime::Holdings> ScriptedRuntime::list() {
  if (auto error = next_error(list_errors, {})) return tl::unexpected<Error>(*error);
  runtime::Holdings all;
  for (const auto& [id, process] : processes) {
    if (!ended.contains(id)) all.processes.push_back(process);
  }
  all.ended.assign(ended.begin(), ended.end());
  all.remains.assign(remains.begin(), remains.end());
  return all;
}

Result<Started> ScriptedRuntime::start(const runtime::Start& op) {
  const auto& id = op.spec->id;
  log.push_back("start " + id);
  if (auto error = next_error(start_errors, id)) return tl::unexpected<Error>(*error);
  specs[id] = op.spec;
  auto& process = processes[id];
  if (process.pid == 0) process = {id, ++last_pid_, last_pid_ * 10ULL, {}};
  Started started;
  started.pid = process.pid;
  started.start_time = process.start_time;
  started.created_at = Time(std::chrono::seconds(1));
  return started;
}

Result<Done> ScriptedRuntime::kill(const runtime::Kill& op) {
  log.push_back("kill " + op.id + " " + std::to_string(op.signal));
  if (auto error = next_error(kill_errors, op.id)) return tl::unexpected<Error>(*error);
  const auto it = processes.find(op.id);
  if (it == processes.end() || it->second.exit) return failure(ErrorKind::not_found, "no such process");
  if (exits_on_kill) process_exits(op.id, 128U + static_cast<unsigned>(op.signal));
  return Done{};
}

Result<Done> ScriptedRuntime::cleanup(const runtime::Cleanup& op) {
  log.push_back((op.extent == runtime::Extent::task ? "clean task " : "clean all ") + op.id);
  if (auto error = next_error(cleanup_errors, op.id)) return tl::unexpected<Error>(*error);
  processes.erase(op.id);
  if (op.extent == runtime::Extent::everything) {
    specs.erase(op.id);
    remains.erase(op.id);
  } else {
    remains.insert(op.id);
  }
  return Done{};
}

void ScriptedRuntime::process_exits(const std::string& id, std::uint32_t status, bool seen) {
  auto& process = processes.at(id);
  if (process.exit) return;
  process.exit = Exit{status, Time(std::chrono::seconds(status))};
  if (seen && subscriber_) caf::anon_send(*subscriber_, runtime::Exited{process});
}

std::size_t ScriptedRuntime::count(const std::string& entry) const {
  return static_cast<std::size_t>(std::count(log.begin(), log.end(), entry));
}

}  // namespace podsandbox::test
