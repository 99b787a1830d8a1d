#include <algorithm>
#include <utility>

#include "actors/recovery.hpp"
#include "actors/sandbox/view.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "messages/log.hpp"

/// What each runtime has, compared with what the supervisor knows. Until a runtime has said it once, nobody
/// can say that a sandbox of it does not exist: the journal may have lost it. The runtimes speak for
/// themselves: one that is silent keeps nobody from what is known of another's.
namespace podsandbox {

namespace {

constexpr auto recall_timeout = std::chrono::seconds(10);
constexpr auto pause_between_inventories = std::chrono::seconds(1);

std::vector<Found> all_of(const runtime::Holdings& holdings) {
  std::vector<Found> all;
  for (const auto& process : holdings.processes) all.push_back({Found::What::process, process});
  for (const auto& id : holdings.ended) all.push_back({Found::What::process, {id, 0, 0, {}}});
  for (const auto& id : holdings.remains) all.push_back({Found::What::remains, {id, 0, 0, {}}});
  return all;
}

}  // namespace

void Supervisor::inventory(const Inventory& inventory) {
  const auto kind = inventory.runtime;
  const auto& holdings = inventory.holdings;
  auto& telling = tellings_[kind];
  if (!holdings) {
    telling.silence = holdings.error().message;
    return heard_from(kind);
  }
  telling.unknown.clear();
  for (const auto& found : all_of(*holdings)) {
    const auto* entry = find(found.process.id);
    if (!entry) {
      telling.unknown.insert(found.process.id);
      recall(kind, found);
    } else if (entry->record.spec->runtime != kind) {
      log::warn("supervisor", found.process.id,
                "the " + std::string(to_string(kind)) + " runtime has one of this id too: it is left alone");
    }
  }
  for (const auto& [id, entry] : ledger_->sandboxes) {
    const auto& record = entry.record;
    if (record.spec->runtime != kind || !record.started || record.exit) continue;
    const bool listed = std::any_of(holdings->processes.begin(), holdings->processes.end(),
                                    [&id = id](const auto& process) { return process.id == id; });
    if (!listed) check_process(id);
  }
  consider_told(kind);
}

void Supervisor::recall(RuntimeKind kind, const Found& found) {
  const auto& id = found.process.id;
  const auto runtime = find_actor<RuntimePort>(self_->system(), names::runtime(kind));
  if (!runtime) return;  // there will be another one, and an inventory of it
  if (!tellings_[kind].recalls.insert(id).second) return;
  self_->request(runtime, recall_timeout, runtime::Recall{id})
      .then([this, kind, found](Result<SpecPtr>& spec) { recalled(kind, found, std::move(spec)); },
            [this, kind, found](const caf::error& error) {
              recalled(kind, found, failure(ErrorKind::unavailable, self_->system().render(error)));
            });
}

void Supervisor::recalled(RuntimeKind kind, const Found& found, Result<SpecPtr> spec) {
  const auto& id = found.process.id;
  auto& telling = tellings_[kind];
  telling.recalls.erase(id);
  if (!spec) {
    log::warn(
        "supervisor", id,
        "the " + std::string(to_string(kind)) +
            " runtime has this sandbox, which nobody knows, and cannot tell of it: " + spec.error().message);
    if (spec.error().kind != ErrorKind::not_found) return ask_for_another_inventory(kind);
  } else if (!find(id)) {
    take_over(kind, found, std::move(*spec));
    serve_parked();
  }
  telling.unknown.erase(id);
  consider_told(kind);
}

void Supervisor::ask_for_another_inventory(RuntimeKind kind) {
  const auto exits = find_actor<ExitsPort>(self_->system(), names::exits);
  if (exits) self_->delayed_send(exits, pause_between_inventories, Reconcile{kind});
}

void Supervisor::take_over(RuntimeKind kind, const Found& found, SpecPtr spec) {
  const auto& id = found.process.id;
  const auto step = plan_recovery(nullptr, true, found, std::chrono::system_clock::now());
  const bool runs = step.what == Recovery::take_over;
  if (spec->runtime != kind) {  // whoever has it knows best
    auto corrected = std::make_shared<SandboxSpec>(*spec);
    corrected->runtime = kind;
    spec = std::move(corrected);
  }
  auto& entry = ledger_->sandboxes[id];
  auto& record = entry.record;
  record.spec = std::move(spec);
  // Whoever started it had an answer, as far as anybody knows.
  record.start_wanted = record.start_answered = runs;
  record.removal_wanted = !runs;
  entry.actors = 1;  // it had one, once
  const std::string why = runs ? "taken over from the runtime: the journal has lost it"
                               : "its remains are removed: the journal has lost it";
  log::warn("supervisor", id, why);
  append(event_of(EventKind::created, record, why));
  start_incarnation(id);
  changed(id);
}

/// It has told what it has when nothing of that is unknown any more.
void Supervisor::consider_told(RuntimeKind kind) {
  const auto& telling = tellings_[kind];
  if (!telling.recalls.empty() || !telling.unknown.empty()) return;
  ledger_->untold.erase(kind);
  heard_from(kind);
}

void Supervisor::heard_from(RuntimeKind kind) {
  for (auto& call : parked_) call.awaited.erase(kind);
  serve_parked();
}

/// In the order in which they came: one may create what the next one is about.
void Supervisor::serve_parked() {
  for (auto& call : std::exchange(parked_, {})) {
    if (call.awaited.empty() || find(call.id)) {
      call.serve();
    } else {
      parked_.push_back(std::move(call));
    }
  }
}

}  // namespace podsandbox
