#include "actors/supervisor/scribe.hpp"

#include <utility>

namespace podsandbox {

void Scribe::changed(const std::string& id, journal::Survives survives) {
  sandboxes_.insert(id);
  if (survives == journal::Survives::power_cut) must_survive_ = true;
}

std::optional<Scribe::Number> Scribe::write_of(const std::string& id) const {
  if (sandboxes_.contains(id)) return next();
  return written_sandboxes_.contains(id) ? std::optional(begun_) : std::nullopt;
}

std::optional<journal::Write> Scribe::begin(const Read& read) {
  if (writing_ || (sandboxes_.empty() && events_.empty())) return std::nullopt;
  writing_ = true;
  ++begun_;
  written_sandboxes_ = std::exchange(sandboxes_, {});
  written_events_ = std::exchange(events_, {});
  written_survive_ = std::exchange(must_survive_, false);
  journal::Write write;
  if (!written_survive_ && written_events_.empty()) write.survives = journal::Survives::process;
  for (const auto& id : written_sandboxes_) write.sandboxes.emplace(id, read(id));
  for (const auto& event : written_events_) write.events.push_back(*event);
  return write;
}

std::uint64_t Scribe::succeeded() {
  writing_ = false;
  const auto last = written_events_.empty() ? 0 : written_events_.back()->sequence;
  written_sandboxes_.clear();
  written_events_.clear();
  return last;
}

void Scribe::failed() {
  if (!std::exchange(writing_, false)) return;
  sandboxes_.merge(written_sandboxes_);
  written_sandboxes_.clear();
  must_survive_ = must_survive_ || written_survive_;
  written_events_.insert(written_events_.end(), events_.begin(), events_.end());
  events_ = std::exchange(written_events_, {});
}

}  // namespace podsandbox
