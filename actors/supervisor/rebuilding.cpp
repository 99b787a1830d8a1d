#include <algorithm>
#include <utility>

#include "actors/recovery.hpp"
#include "actors/sandbox/view.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "messages/log.hpp"

/// What the runtime has, compared with what the supervisor knows. Until the runtime has said it once, nobody
/// can say that a sandbox does not exist: the journal may have lost it.
namespace podsandbox {

namespace {

constexpr auto recall_timeout = std::chrono::seconds(10);
constexpr auto pause_between_inventories = std::chrono::seconds(1);

std::vector<Found> all_of(const runtime::Holdings& holdings) {
  std::vector<Found> all;
  for (const auto& process : holdings.processes) all.push_back({Found::What::process, process});
  for (const auto& id : holdings.remains) all.push_back({Found::What::remains, {id, 0, 0, {}}});
  return all;
}

}  // namespace

void Supervisor::inventory(const Inventory& inventory) {
  const auto& holdings = inventory.holdings;
  if (!holdings) {
    silence_ = holdings.error().message;
    return serve_parked();
  }
  recall_failed_ = false;
  for (const auto& found : all_of(*holdings)) {
    if (!find(found.process.id)) recall(found);
  }
  for (const auto& [id, entry] : ledger_->sandboxes) {
    if (!entry.record.started || entry.record.exit) continue;
    const bool listed = std::any_of(holdings->processes.begin(), holdings->processes.end(),
                                    [&id = id](const auto& process) { return process.id == id; });
    if (!listed) check_process(id);
  }
  if (recalls_.empty() && !recall_failed_) become_complete();
}

void Supervisor::recall(const Found& found) {
  const auto& id = found.process.id;
  const auto step = plan_recovery(nullptr, true, found, std::chrono::system_clock::now());
  const auto runtime = find_actor<RuntimePort>(self_->system(), names::runtime);
  if (!runtime) {
    recall_failed_ = true;  // there will be another one, and an inventory of it
    return;
  }
  if (!recalls_.insert(id).second) return;
  const bool runs = step.what == Recovery::take_over;
  self_->request(runtime, recall_timeout, runtime::Recall{id})
      .then([this, id, runs](Result<SpecPtr>& spec) { recalled(id, runs, std::move(spec)); },
            [this, id, runs](const caf::error& error) {
              recalled(id, runs, failure(ErrorKind::unavailable, self_->system().render(error)));
            });
}

void Supervisor::recalled(const std::string& id, bool runs, Result<SpecPtr> spec) {
  recalls_.erase(id);
  if (!spec) {
    log::warn(
        "supervisor", id,
        "the runtime has this sandbox, which nobody knows, and cannot tell of it: " + spec.error().message);
    if (spec.error().kind != ErrorKind::not_found) ask_for_another_inventory();
  } else if (!find(id)) {
    take_over(id, runs, std::move(*spec));
  }
  if (recalls_.empty() && !recall_failed_) become_complete();
}

void Supervisor::ask_for_another_inventory() {
  recall_failed_ = true;
  const auto exits = find_actor<ExitsPort>(self_->system(), names::exits);
  if (exits) self_->delayed_send(exits, pause_between_inventories, Reconcile{});
}

void Supervisor::take_over(const std::string& id, bool runs, SpecPtr spec) {
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

void Supervisor::become_complete() {
  ledger_->complete = true;
  serve_parked();
}

void Supervisor::serve_parked() {
  for (const auto& call : std::exchange(parked_, {})) call();
}

}  // namespace podsandbox
