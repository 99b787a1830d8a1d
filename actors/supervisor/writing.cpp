#include <utility>

#include "actors/supervisor/restore.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "messages/journal_port.hpp"
#include "messages/log.hpp"

/// How the supervisor keeps the journal: what changed is written at once, one write after the other, and who
/// saved a record is answered when the journal has the write that holds it. A disk that refuses stops nobody
/// who lives: it is said, and tried again.
namespace podsandbox {

namespace {

constexpr auto write_timeout = std::chrono::seconds(10);
constexpr auto pause_after_failure = std::chrono::seconds(1);
constexpr auto pause_for_a_new_journal = std::chrono::milliseconds(10);

}  // namespace

void Supervisor::changed(const std::string& id, journal::Survives survives) {
  if (!has_journal_) return;
  ledger_->scribe.changed(id, survives);
  write();
}

void Supervisor::write() {
  if (!has_journal_) return;
  const auto journal = find_actor<JournalPort>(self_->system(), names::journal);
  if (!journal) return write_later(pause_for_a_new_journal);
  const RestoreTime now{std::chrono::system_clock::now(), self_->clock().now()};
  auto next = ledger_->scribe.begin([&](const std::string& id) -> std::optional<StoredSandbox> {
    const auto* entry = find(id);
    return entry ? std::optional(to_store(*entry, now)) : std::nullopt;
  });
  if (!next) return;
  const auto number = ledger_->scribe.latest();
  const auto stale = [this, number] {
    return number != ledger_->scribe.latest() || !ledger_->scribe.writing();
  };
  self_->request(journal, write_timeout, std::move(*next))
      .then(
          [this, stale](const Result<Done>& written) {
            if (!stale()) write_done(written);
          },
          [this, stale](const caf::error& error) {
            if (stale()) return;
            if (error == caf::sec::request_timeout) {
              return write_failed(Error{ErrorKind::unavailable, "the journal does not answer in time"});
            }
            ledger_->scribe.failed();  // its actor died; nobody is told, the next one writes the same
            write_later(pause_for_a_new_journal);
          });
}

void Supervisor::write_later(std::chrono::nanoseconds pause) {
  if (std::exchange(write_again_sent_, true)) return;
  self_->delayed_send(self_, pause, WriteAgain{});
}

void Supervisor::write_done(const Result<Done>& written) {
  if (!written) {
    if (written.error().kind == ErrorKind::aborted) return write_everything_again(written.error());
    return write_failed(written.error());
  }
  if (trouble_) log::info("supervisor", {}, "the journal is written again");
  trouble_.reset();
  const auto last = ledger_->scribe.succeeded();
  if (last > 0) publish(last);
  answer_savers(Saved{});
  write();
}

void Supervisor::write_failed(const Error& why) {
  if (!trouble_ || trouble_->message != why.message) {
    log::error("supervisor", {},
               "the journal cannot be written, and no new sandbox is taken: " + why.message);
  }
  trouble_ = why;
  ledger_->scribe.failed();
  // Who watches is told all the same: only a crash before the disk has room again could take it back.
  const auto events = events_->all();
  if (!events.empty()) publish(events.back()->sequence);
  answer_savers(Saved{why});
  write_later(pause_after_failure);
}

void Supervisor::write_everything_again(const Error& why) {
  log::error("supervisor", {}, "everything is written to the journal again: " + why.message);
  ledger_->scribe.failed();
  for (const auto& [id, entry] : ledger_->sandboxes) ledger_->scribe.changed(id);
  ledger_->scribe.rewrite(events_->all());
  write();
}

/// Those whose records were in the latest write, or in one before.
void Supervisor::answer_savers(const Saved& saved) {
  const auto latest = ledger_->scribe.latest();
  auto savers = std::exchange(savers_, {});
  for (auto& saver : savers) {
    if (saver.first <= latest) {
      saver.second(saved);
    } else {
      savers_.push_back(std::move(saver));
    }
  }
}

}  // namespace podsandbox
