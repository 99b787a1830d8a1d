#include "actors/supervisor/supervisor.hpp"

#include <utility>

#include "actors/sandbox/sandbox.hpp"
#include "actors/sandbox/view.hpp"
#include "messages/log.hpp"

namespace podsandbox {

namespace {

constexpr auto restart_pause = std::chrono::seconds(1);

}  // namespace

/// The runtimes that must tell what they have before the request can be answered, and have not.
template <class Request>
std::set<RuntimeKind> Supervisor::needed_for(const Request& request) const {
  if constexpr (requires { request.id(); }) {
    if (ledger_->sandboxes.contains(request.id())) return {};
  }
  return ledger_->untold;
}

/// A new sandbox needs the word of its own runtime alone, unless another one has said that it has it.
std::set<RuntimeKind> Supervisor::needed_for(const CreateSandbox& request) const {
  if (ledger_->sandboxes.contains(request.id())) return {};
  std::set<RuntimeKind> needed;
  for (const auto kind : ledger_->untold) {
    const auto telling = tellings_.find(kind);
    const bool has_it = telling != tellings_.end() && telling->second.unknown.contains(request.id());
    if (kind == request.spec->runtime || has_it) needed.insert(kind);
  }
  return needed;
}

/// A handler for calls that wait until it is known whether their sandbox exists.
template <class Request>
auto Supervisor::when_decided(void (Supervisor::*handle)(const Call<Request>&)) {
  return [this, handle](const Call<Request>& call) {
    auto needed = needed_for(call.request);
    if (needed.empty()) return (this->*handle)(call);
    std::string id;
    if constexpr (requires { call.request.id(); }) id = call.request.id();
    parked_.push_back({std::move(id), std::move(needed), [this, handle, call] { (this->*handle)(call); }});
  };
}

SupervisorActor::behavior_type Supervisor::start(SupervisorSeed seed) {
  ledger_ = std::move(seed.ledger);
  events_ = std::move(seed.events);
  settings_ = seed.settings;
  has_journal_ = seed.has_journal;
  ledger_->scribe.failed();  // what became of a write of the supervisor before nobody knows
  self_->set_down_handler([this](const caf::down_msg& down) { sandbox_died(down); });
  self_->set_error_handler([this](const caf::error& error) {
    log::error("supervisor", {}, "unexpected error message: " + self_->system().render(error));
  });
  for (auto& [id, entry] : ledger_->sandboxes) {
    entry.chores.retry_now();
    start_incarnation(id);
  }
  write();
  return {
      when_decided(&Supervisor::create),
      when_decided(&Supervisor::route<StartSandbox>),
      when_decided(&Supervisor::route<StopSandbox>),
      when_decided(&Supervisor::wait),
      when_decided(&Supervisor::route<SandboxStatus>),
      when_decided(&Supervisor::shut_down),
      when_decided(&Supervisor::route<SandboxMetrics>),
      when_decided(&Supervisor::route<UpdateSandbox>),
      when_decided(&Supervisor::list),
      when_decided(&Supervisor::get),
      [this](const CallerGone& gone) { pass_on(gone.sandbox_id, gone); },
      [this](const TaskExit& exit) { task_exit(exit); },
      [this](const Inventory& found) { inventory(found); },
      [this](const SaveRecord& record) { return save(record); },
      [this](const DeferChore& deferred) { defer(deferred); },
      [this](const RuntimeRestarted& restarted) {
        for (const auto& [id, live] : live_) {
          const auto* entry = find(id);
          const bool concerned = entry && entry->record.spec->runtime == restarted.runtime;
          if (concerned && live.actor) self_->send(live.actor, restarted);
        }
      },
      [this](const JournalRestarted&) {
        ledger_->scribe.failed();
        write();
      },
      [](const Ping&) { return Pong{}; },
      [this](const RetryDue& due) { deliver_chores(due.id); },
      [this](const RestartDue& due) {
        if (find(due.id) && !live_[due.id].actor) start_incarnation(due.id);
      },
      [this](const WriteAgain&) {
        write_again_sent_ = false;
        write();
      },
  };
}

// -- calls -------------------------------------------------------------------

Error Supervisor::no_such_sandbox(const std::string& id) const {
  if (!ledger_->untold.empty()) return not_known(id, *ledger_->untold.begin());
  return Error{ErrorKind::not_found, "sandbox " + id + " does not exist"};
}

Error Supervisor::not_known(const std::string& id, RuntimeKind silent) const {
  const auto telling = tellings_.find(silent);
  return Error{
      ErrorKind::unavailable,
      "it is not known whether sandbox " + id + " exists, as the " + std::string(to_string(silent)) +
          " runtime does not say: " + (telling == tellings_.end() ? std::string() : telling->second.silence)};
}

template <class Message>
void Supervisor::pass_on(const std::string& id, const Message& message) {
  const auto it = live_.find(id);
  if (it == live_.end()) return;
  if (it->second.actor) {
    self_->send(it->second.actor, message);
  } else {
    it->second.parked.emplace_back(
        [this, message](const SandboxPort& actor) { self_->send(actor, message); });
  }
}

void Supervisor::check_process(const std::string& id) {
  pass_on(id, CheckProcess{});
}

template <class Request>
void Supervisor::route(const Call<Request>& call) {
  if (!find(call.request.id())) return call.reply(tl::unexpected<Error>(no_such_sandbox(call.request.id())));
  pass_on(call.request.id(), call);
}

void Supervisor::create(const Call<CreateSandbox>& call) {
  const auto& id = call.request.id();
  if (!find(id)) {
    if (!call.reply.wanted()) return call.reply.fail(ErrorKind::cancelled, "the client went away");
    if (const auto silent = needed_for(call.request); !silent.empty()) {
      return call.reply(tl::unexpected<Error>(not_known(id, *silent.begin())));
    }
    if (trouble_) {
      return call.reply.fail(
          ErrorKind::resource_exhausted,
          "create sandbox " + id + ": no new ones while the journal cannot be written: " + trouble_->message);
    }
    ledger_->sandboxes[id].record.spec = call.request.spec;
    append(event_of(EventKind::created, ledger_->sandboxes[id].record));
    log::info("supervisor", id, "created");
    start_incarnation(id);
    changed(id);
  }
  pass_on(id, call);
}

void Supervisor::shut_down(const Call<ShutdownSandbox>& call) {
  const auto& id = call.request.id();
  const bool gone = ledger_->untold.empty() && !find(id);
  if (!gone) return route(call);
  // That is what was asked for; but not before a crash cannot bring it back.
  const auto write = ledger_->scribe.write_of(id);
  if (!write) return call.reply(Done{});
  savers_.emplace_back(*write, [reply = call.reply](const Saved&) { reply(Done{}); });
}

SandboxListing Supervisor::listing(const LedgerEntry& entry) const {
  const auto& record = entry.record;
  SandboxListing row{view_of(record), entry.actors, {}, {}};
  if (const auto it = live_.find(record.spec->id); it != live_.end() && it->second.actor) {
    row.actor = it->second.actor.address();
  }
  const auto& queue = entry.chores;
  for (const auto& chore : queue.items()) {
    RetryView retry;
    retry.what = std::holds_alternative<TaskExit>(chore) ? "handle exit" : "remove";
    if (&chore == &queue.front()) {
      retry.attempts = queue.failures();
      retry.last_error = queue.last_error();
    }
    const auto now = self_->clock().now();
    const auto pause = queue.due() ? std::max(*queue.due() - now, now - now) : now - now;
    retry.next_attempt_at =
        std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(pause);
    row.retries.push_back(std::move(retry));
  }
  return row;
}

void Supervisor::wait(const Call<WaitSandbox>& call) {
  if (const auto exit = ledger_->past_exits.find(call.request.id(), call.asked_at)) return call.reply(*exit);
  route(call);
}

void Supervisor::list(const Call<ListSandboxes>& call) {
  std::vector<SandboxListing> rows;
  rows.reserve(ledger_->sandboxes.size());
  for (const auto& [id, entry] : ledger_->sandboxes) rows.push_back(listing(entry));
  call.reply(std::move(rows));
}

void Supervisor::get(const Call<GetSandbox>& call) {
  const auto* entry = find(call.request.id());
  if (!entry) return call.reply(tl::unexpected<Error>(no_such_sandbox(call.request.id())));
  call.reply(listing(*entry));
}

// -- incarnations ------------------------------------------------------------

LedgerEntry* Supervisor::find(const std::string& id) {
  const auto it = ledger_->sandboxes.find(id);
  return it == ledger_->sandboxes.end() ? nullptr : &it->second;
}

void Supervisor::append(Event event) {
  auto kept = events_->append(std::move(event));
  if (has_journal_) return ledger_->scribe.happened(std::move(kept));
  publish(kept->sequence);
}

void Supervisor::publish(std::uint64_t last) {
  events_->publish(last);
  if (auto hub = find_actor<HubPort>(self_->system(), names::hub)) self_->send(hub, NewEvents{});
}

void Supervisor::start_incarnation(const std::string& id) {
  auto& entry = ledger_->sandboxes[id];
  auto& live = live_[id];
  entry.incarnation = ++ledger_->last_incarnation;
  const bool successor = entry.actors++ > 0;
  const bool unwritten = ledger_->scribe.write_of(id).has_value();
  live.actor =
      spawn_sandbox(self_->system(), SandboxSeed{entry.record, entry.incarnation, successor, unwritten,
                                                 caf::actor_cast<SupervisorPort>(self_), settings_});
  live.chore_in_delivery = false;
  self_->monitor(live.actor);
  deliver_chores(id);  // first: an exit that is known must be seen by the calls that follow
  for (const auto& call : std::exchange(live.parked, {})) call(live.actor);
}

void Supervisor::sandbox_died(const caf::down_msg& down) {
  const auto it = std::find_if(live_.begin(), live_.end(),
                               [&](const auto& entry) { return entry.second.actor == down.source; });
  if (it == live_.end()) return;
  const std::string id = it->first;
  auto* entry = find(id);
  if (!entry) {
    live_.erase(it);
    return;
  }
  it->second.actor = SandboxPort();
  log::warn("supervisor", id, "its actor died: " + self_->system().render(down.reason));
  append(event_of(EventKind::actor_restarted, entry->record, self_->system().render(down.reason)));
  write();
  if (entry->restarts.allow(self_->clock().now())) {
    start_incarnation(id);
  } else {
    log::error("supervisor", id, "its actor died too often: the next one starts after a pause");
    self_->delayed_send(self_, restart_pause, RestartDue{id});
  }
}

caf::result<Result<Saved>> Supervisor::save(const SaveRecord& save) {
  const auto id = save.record.spec->id;
  auto* entry = find(id);
  if (!entry || entry->incarnation != save.incarnation) {
    return Result<Saved>(failure(ErrorKind::aborted, "sandbox " + id + " has a newer incarnation"));
  }
  entry->record = save.record;
  for (const auto& event : save.events) append(event);
  if (phase_of(entry->record) == Phase::gone) {
    if (const auto& exit = save.record.exit) {
      ledger_->past_exits.remember(id, *exit, std::chrono::steady_clock::now());
    }
    ledger_->sandboxes.erase(id);
    live_.erase(id);
  }
  if (!has_journal_) return Result<Saved>(Saved{});
  auto promise = self_->make_response_promise<Result<Saved>>();
  savers_.emplace_back(ledger_->scribe.next(),
                       [promise](const Saved& saved) mutable { promise.deliver(Result<Saved>(saved)); });
  changed(id, save.survives);
  return promise;
}

// -- chores ------------------------------------------------------------------

void Supervisor::task_exit(const TaskExit& exit) {
  auto* entry = find(exit.id);
  if (!entry) return log::debug("supervisor", exit.id, "exit of a sandbox that does not exist (any more)");
  entry->chores.push(exit);
  deliver_chores(exit.id);
}

void Supervisor::defer(const DeferChore& deferred) {
  const auto& id =
      std::visit([](const auto& chore) -> const std::string& { return chore.id; }, deferred.chore);
  auto* entry = find(id);
  if (!entry || entry->incarnation != deferred.incarnation) return;
  entry->chores.push(deferred.chore);
  // In delivery the front item's own outcome decides when the queue goes on.
  if (!live_[id].chore_in_delivery) chore_failed(id, deferred.why);
}

void Supervisor::deliver_chores(const std::string& id) {
  auto* entry = find(id);
  if (!entry) return;
  auto& live = live_[id];
  if (!live.actor || live.chore_in_delivery || !entry->chores.ready(self_->clock().now())) return;
  live.chore_in_delivery = true;
  // No timeout: the sandbox bounds its own steps, and its death is told by the monitor.
  const auto incarnation = entry->incarnation;
  self_->request(live.actor, caf::infinite, entry->chores.front())
      .then(
          [this, id, incarnation](const Result<Done>& handled) {
            auto* current = find(id);
            if (!current || current->incarnation != incarnation) return;
            live_[id].chore_in_delivery = false;
            if (!handled) return chore_failed(id, handled.error());
            const bool was_kept =
                current->chores.failures() > 0;  // only what failed is: the runtime tells of
            current->chores.succeeded();         // an exit again
            deliver_chores(id);
            if (was_kept) changed(id);
          },
          [](const caf::error&) {});  // it died: its successor gets the same chore
}

void Supervisor::chore_failed(const std::string& id, const Error& why) {
  auto* entry = find(id);
  std::uniform_real_distribution<double> chance(0.0, 1.0);
  const auto delay =
      entry->chores.failed(settings_.backoff, self_->clock().now(), chance(random_), why.message);
  const auto seconds = std::chrono::duration<double>(delay).count();
  auto detail = "attempt " + std::to_string(entry->chores.failures()) + " failed, the next one in " +
                std::to_string(seconds) + " s: " + why.message;
  log::warn("supervisor", id, detail);
  append(event_of(EventKind::retry_scheduled, entry->record, std::move(detail)));
  changed(id);
  self_->delayed_send(self_, delay, RetryDue{id});
}

SupervisorPort spawn_supervisor(caf::actor_system& system, SupervisorSeed seed) {
  return system.spawn([](Supervisor::Self self, SupervisorSeed s) { return self->state.start(std::move(s)); },
                      std::move(seed));
}

}  // namespace podsandbox
